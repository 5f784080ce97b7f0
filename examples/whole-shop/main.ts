import { App } from 'cdk8s';
import { defineShop } from './shop';
import { CsiDriver } from 'cdk8s-volume-snapshots';

const app = new App();
defineShop(app, { driver: CsiDriver.awsEbs(), storageClassName: 'gp3' });
app.synth();

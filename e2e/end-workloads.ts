import { endWorkloads } from './cluster';

afterAll(() => endWorkloads());

import { reviewClasses } from './classes';
import { reviewCoverage } from './coverage';
import { Finding } from './finding';
import { reviewJobs } from './jobs';
import { reviewReclaim } from './reclaim';
import { reviewRetention } from './retention';
import { reviewRights } from './rights';
import { reviewTiming } from './timing';
import { Model, Schedule } from '../../model/model';
import { compareText } from '../../model/words';
import { Outlook } from '../outlook';

/** What a careful reviewer would say, risks first. */
export function review(model: Model, outlooks: ReadonlyMap<Schedule, Outlook>): Finding[] {
  const findings = [
    ...reviewJobs(model),
    ...reviewCoverage(model),
    ...reviewClasses(model),
    ...reviewReclaim(model),
    ...reviewRights(model),
    ...reviewRetention(model, outlooks),
    ...reviewTiming(model, outlooks),
  ];
  const rank = ({ severity }: Finding) => (severity === 'risk' ? 0 : 1);
  return findings.sort((a, b) => rank(a) - rank(b) || compareText(a.object, b.object));
}

import { readFileSync } from 'fs';
import { isMap, Manifest, manifestsIn } from '../model/manifest';
import { parseYaml } from '../private/yaml';

/** What the user can mend: a wrong argument, or a file that cannot be used. */
export class InputError extends Error {}

/** The objects of files, Lists taken apart. */
export function readManifests(files: readonly string[]): Manifest[] {
  return files.flatMap(file => parseManifests(file, readText(file)));
}

/** The text of a file, or what a user can do about it; `from`: where it is, if that is no name of a file. */
export function readText(file: string, from: string | number = file): string {
  try {
    return readFileSync(from, 'utf8');
  } catch (error) {
    throw new InputError(`${file}: cannot be read (${whyUnreadable(error as NodeJS.ErrnoException)}`);
  }
}

function whyUnreadable({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT': return 'there is no such file); synthesize first, or correct the path';
    case 'EISDIR': return 'it is a directory); name its files, such as dist/*.yaml';
    case 'EACCES': return 'permission denied); make it readable';
    default: return `${message}); name a YAML file`;
  }
}

/** The objects in the text of one file; `file` is for messages. */
export function parseManifests(file: string, text: string): Manifest[] {
  return documentsOf(file, text).flatMap((value, index) => {
    if (value === null || value === undefined) { return []; }
    if (!isMap(value)) {
      throw new InputError(`${file}: document ${index + 1} is no Kubernetes object; leave the file out, or correct it`);
    }
    return manifestsIn(value);
  });
}

function documentsOf(file: string, text: string): unknown[] {
  try {
    return parseYaml(text);
  } catch (error) {
    throw new InputError(`${file}: is not YAML (${(error as Error).message}); correct it, or synthesize it again`);
  }
}

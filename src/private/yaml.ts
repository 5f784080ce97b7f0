import { createRequire } from 'module';

interface ParsedDocument {
  readonly errors: { readonly message: string }[];
  toJS(): unknown;
}
interface Parser {
  parseAllDocuments(text: string, options: object): ParsedDocument[];
}

// Yaml.load of cdk8s passes over syntax errors in silence, so this is the parser that it brings along and calls itself
const parser = createRequire(require.resolve('cdk8s'))('yaml') as Parser;

/** The values of all documents in a text, empty ones as null; throws what is wrong with it, in one line. */
export function parseYaml(text: string): unknown[] {
  try {
    // 1.1 is what cdk8s writes and kubectl reads
    return parser.parseAllDocuments(text, { version: '1.1', logLevel: 'error' }).map(document => {
      if (document.errors.length > 0) { throw document.errors[0]; }
      return document.toJS();
    });
  } catch (error) {
    // below the first line the parser draws the place
    const [problem] = (error as Error).message.split('\n');
    throw new Error(problem.replace(/:$/, ''));
  }
}

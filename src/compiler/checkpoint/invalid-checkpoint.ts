import { ModelError } from '../../errors/errors.js';

const fetchAgain = 'Fetch or copy the file again, and check that it is the one you mean.';

/** The error of a file that isn't what it should be. */
export function invalidCheckpoint(message: string, remedy = fetchAgain, cause?: unknown): ModelError {
  return new ModelError('model-invalid', message, { remedy, cause });
}

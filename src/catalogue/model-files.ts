import type { CataloguedFile } from './cache/blob-store.js';
import type { PublishedModel } from './published.js';

/** A file that a published model is compiled from. */
export interface ModelSourceFile extends CataloguedFile {
  /** Where the compiler looks for it: `checkpoint.pkl`, and the base's files in `base/`. */
  readonly path: string;
  /** About its length, where nobody says it exactly. */
  readonly approximateBytes?: number | undefined;
}

/**
 * All files that a published model is compiled from, small ones first, so that what is forbidden or missing shows early.
 *
 * @param precision - Which variant of the base's weights.
 */
export function filesOfModel(model: PublishedModel, precision: 'fp32' | 'fp16'): readonly ModelSourceFile[] {
  const { origin, files, weights } = model.base;
  const inBase = (path: string) => new URL(path, origin).href;
  return [
    ...files.map(({ path }) => ({ path: `base/${path}`, name: path, url: inBase(path) })),
    {
      path: 'checkpoint.pkl',
      name: new URL(model.checkpoint.url).pathname.replace(/^.*\//, ''),
      url: model.checkpoint.url,
    },
    ...weights.map(({ path, [precision]: variant }) => ({
      path: `base/${path}`,
      name: variant.path,
      url: inBase(variant.path),
      bytes: variant.bytes,
      sha256: variant.sha256,
      approximateBytes: variant.approximateBytes,
    })),
  ];
}

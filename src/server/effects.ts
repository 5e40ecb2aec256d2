import { listModels } from '../catalogue/list-models.js';
import { readManifest } from '../generator/model-package.js';

/** An effect as pages show it. */
export interface Effect {
  /** Its name. */
  readonly id: string;
  /** Its name for people. */
  readonly title: string;
  /** Numbers that can be set, `strength` for instance. */
  readonly conditions: string[];
}

/** The effects there are, each once; that of a model package of the user's own first. */
export async function listEffects(model: string | undefined): Promise<readonly Effect[]> {
  const models = await listModels({ directory: model });
  const whole = models.filter(({ problem }) => problem === undefined);
  const effects = await Promise.all(
    whole.map(async ({ directory, effect, title }) => {
      const { conditions } = await readManifest(directory);
      return { id: effect, title, conditions: conditions.map(({ kind }) => kind) };
    }),
  );
  return [...new Map(effects.reverse().map((effect) => [effect.id, effect])).values()].reverse();
}

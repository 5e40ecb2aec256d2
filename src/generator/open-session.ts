import path from 'node:path';

import type { ProviderName } from './execution-providers.js';
import { mostBytesRewritten } from './fix-dimensions.js';
import { bindDimensions, checkGraph } from './graph-check.js';
import { chooseGraph, type ModelPackage } from './model-package.js';
import { planStages } from './session-plan.js';
import { Session } from './session.js';
import { StagedSession } from './staged-session.js';

/** What a session is to be opened for. */
export interface SessionRequirements {
  readonly model: ModelPackage;
  readonly provider: ProviderName;
  /** Pixels a row of every frame. */
  readonly width: number;
  /** Rows of every frame. */
  readonly height: number;
  /** Threads of all its stages together. */
  readonly threads: number;
  /** Stops the start. */
  readonly signal: AbortSignal | undefined;
}

/** A network that is loaded and warm: as a whole, or in two stages. */
export type OpenSession = Session | StagedSession;

/**
 * Loads the graph of a package that suits a provider; in two stages where that is quicker and the manifest says how.
 *
 * @throws {@link ModelError} or {@link DeviceError} when it can't be loaded.
 */
export function openSession({ threads, signal, ...requirements }: SessionRequirements): Promise<OpenSession> {
  const { model, provider } = requirements;
  const { splitAt, bytes } = chooseGraph(model.manifest, provider);
  const options = { ...describe(requirements), provider, signal };
  const [first, second] = planStages(provider, threads, splitAt !== undefined && bytes <= mostBytesRewritten);
  return splitAt === undefined || second === undefined
    ? Session.open({ ...options, threads: first })
    : StagedSession.open({ ...options, splitAt, threads: [first, second] });
}

function describe({ model, provider, width, height }: Omit<SessionRequirements, 'threads' | 'signal'>) {
  const { directory, manifest } = model;
  const graph = chooseGraph(manifest, provider);
  const file = path.join(directory, graph.file);
  const checked = checkGraph(file, graph, manifest);
  return {
    graph: file,
    input: manifest.input.name,
    output: manifest.output.name,
    width,
    height,
    conditions: manifest.conditions.map(({ input, default: value }) => ({
      input,
      value,
      shape: checked.conditionShapes.get(input) ?? [],
    })),
    states: manifest.states,
    freeDimensions: bindDimensions(checked, width, height),
  };
}

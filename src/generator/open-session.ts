import path from 'node:path';

import type { ProviderName } from './execution-providers.js';
import { mostBytesRewritten } from './fix-dimensions.js';
import { bindDimensions, checkGraph } from './graph-check.js';
import type { ModelGraph } from './manifest.js';
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
  /** Threads of all its stages together, of which each has one at least. */
  readonly threads: number;
  /** Whether it may have several stages, where the graph can be split. */
  readonly mayStage: boolean;
  /** Stops the start. */
  readonly signal: AbortSignal | undefined;
}

/** A network that is loaded and warm: as a whole, or in stages. */
export type AnySession = Session | StagedSession;

/**
 * Loads the graph of a package that suits a provider; in stages where that is quicker and the manifest says how.
 *
 * @throws {@link ModelError} or {@link DeviceError} when it can't be loaded.
 */
export async function openSession(requirements: SessionRequirements): Promise<AnySession> {
  const { model, provider, threads, mayStage, signal } = requirements;
  const graph = chooseGraph(model.manifest, provider);
  const options = { ...describe(graph, requirements), provider, signal };
  const splitAt = mayStage && canSplit(graph) ? (graph.splitAt ?? []) : [];
  const stages = planStages(provider, threads, splitAt.length + 1);
  return stages.length === 1
    ? Session.open({ ...options, threads })
    : StagedSession.open({ ...options, splitAt, threads: stages });
}

/** Whether a graph may be run in stages. */
export function canSplit({ splitAt, bytes }: ModelGraph): boolean {
  return splitAt !== undefined && bytes <= mostBytesRewritten;
}

function describe(graph: ModelGraph, { model, width, height }: SessionRequirements) {
  const { directory, manifest } = model;
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

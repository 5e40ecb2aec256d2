import type { CompiledPrecision } from '../compiler/compile.js';

/** What a package is to be compiled from, and how. */
export interface CompileRequest {
  /** File of the checkpoint. */
  readonly checkpoint: string;
  /** Folder of the base in the layout of diffusers, or a file of it. */
  readonly base: string;
  /** Empty folder that the package is written into. */
  readonly output: string;
  /** What kind of checkpoint it is; `'auto'` looks. */
  readonly kind: 'auto' | 'cyclegan-turbo' | 'pix2pix-turbo';
  /** What the network is told to make of the picture. */
  readonly prompt: string;
  /** Which of its two ways a CycleGAN-Turbo goes. */
  readonly direction: 'a2b' | 'b2a' | undefined;
  /** Precisions of the graphs, at least one. */
  readonly precision: readonly CompiledPrecision[];
  /** Whether the latent is the posterior's mode, or one sample with a noise that stays. */
  readonly posterior: 'mode' | 'sample';
  /** Seed of every noise. */
  readonly seed: number;
  /** What the manifest says of the model. */
  readonly about: {
    readonly id: string;
    readonly effect: string;
    readonly title: string;
    readonly description: string;
    readonly licence: string;
    readonly source: string;
  };
  readonly signal?: AbortSignal | undefined;
  /** Told which part is under way, and which share of all is done. */
  readonly onProgress?: ((part: string, fraction: number | undefined) => void) | undefined;
}

/** Compiles a checkpoint into a model package. */
export type CompilePackage = (request: CompileRequest) => Promise<void>;

/** {@inheritDoc CompilePackage} */
export const compilePackage: CompilePackage = async (request) => {
  // Loaded when it is asked for: who only translates has no use for it.
  const { compileModel } = await import('../compiler/compile.js');
  await compileModel(request);
};

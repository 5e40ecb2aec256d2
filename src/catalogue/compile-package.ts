import type { CompileOptions } from '../compiler/compile.js';

/** What a package is to be compiled from, and how. */
export type CompileRequest = CompileOptions;

/** Compiles a checkpoint into a model package, in a folder that is there and empty. */
export type CompilePackage = (request: CompileRequest) => Promise<void>;

/** {@inheritDoc CompilePackage} The compiler is loaded when it is needed: whoever lists models need not wait for it. */
export const compilePackage: CompilePackage = async (request) => {
  const { compileModel } = await import('../compiler/compile.js');
  await compileModel(request);
};

import type { RootCommand } from '@bomb.sh/tab';

type Names = readonly (readonly [name: string, description: string])[];

/**
 * Has Tab complete the names of models and effects, where the words typed so far ask for one: looking for them costs time
 * that other words need not wait for.
 */
export async function addModelNames(root: RootCommand, words: readonly string[]): Promise<void> {
  const typed = words.filter((word) => word !== '--');
  if (typed[0] !== 'models' && !typed.slice(-2).some((word) => /^(-m|--model|-e|--effect)$/.test(word))) {
    return;
  }
  const { listModels, listPublishedModels } = await import('../index.js');
  const [there, published] = await Promise.all([listModels(), listPublishedModels()]);
  const ids: Names = there.map(({ id, title }) => [id, title]);
  const removable: Names = there.filter(({ origin }) => origin === 'cache').map(({ id, title }) => [id, title]);
  const toPull: Names = published.filter(({ pulled }) => !pulled).map(({ id, title }) => [id, title]);
  const effects: Names = [...new Set(there.map(({ effect }) => effect))].map((effect) => [effect, '']);
  const offerArgument = (command: string, names: Names) => {
    for (const argument of root.commands.get(command)?.arguments.values() ?? []) {
      argument.handler = (complete) => names.forEach(([name, description]) => complete(name, description));
    }
  };
  offerArgument('models pull', toPull);
  offerArgument('models info', [...ids, ...toPull]);
  offerArgument('models verify', ids);
  offerArgument('models remove', removable);
  for (const command of root.commands.values()) {
    for (const [option, names] of [
      ['model', ids],
      ['effect', effects],
    ] as const) {
      const described = command.options.get(option);
      if (described !== undefined) {
        described.handler = (complete) => names.forEach(([name, description]) => complete(name, description));
      }
    }
  }
}

import type { Command } from 'commander';

import { addModelNames } from './complete-models.js';

const shells = ['bash', 'zsh', 'fish', 'powershell'];

const help = `
To have it from now on:
  bash        echo 'source <(vid2vid-turbo completion bash)' >> ~/.bashrc
  zsh         echo 'source <(vid2vid-turbo completion zsh)' >> ~/.zshrc
  fish        vid2vid-turbo completion fish > ~/.config/fish/completions/vid2vid-turbo.fish`;

/**
 * Adds `completion`, which prints a script for the user's shell, and the hidden `complete`, which that script calls.
 *
 * @param program - The program.
 * @param describeProgram - Makes the same program without these two, to be asked for its commands and options.
 */
export function addCompletionCommands(program: Command, describeProgram: () => Command): void {
  const name = program.name();
  program
    .command('completion')
    .summary('print the script that completes this command in a shell')
    .description('Prints the script that completes commands and options when Tab is pressed.')
    .addArgument(program.createArgument('<shell>', 'your shell').choices(shells))
    .addHelpText('after', help)
    .action(async (shell: string) => {
      const { default: tab } = await import('@bomb.sh/tab');
      tab.setup(name, name, shell);
      if (shell === 'bash') {
        // The script's own registration has no "-o default", without which bash never completes the names of files.
        process.stdout.write(`complete -o default -F __${name.replaceAll('-', '_')}_complete ${name}\n`);
      }
    });
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      const { default: tab } = await import('@bomb.sh/tab/commander');
      const { ShellCompDirective: directives } = await import('@bomb.sh/tab');
      const described = describeProgram();
      for (const command of described.commands) {
        command.description(command.summary() || command.description()); // One line each fits beside a word.
      }
      const root = tab(described, { completionCommandName: 'completion' });
      // The package always tells the shell to offer no files; where it has nothing better, files are what is wanted.
      Object.defineProperty(root, 'directive', {
        get: () =>
          root.completions.length === 0
            ? directives.ShellCompDirectiveDefault
            : directives.ShellCompDirectiveNoFileComp,
        set: () => undefined,
      });
      await addModelNames(root, words);
      root.parse(words);
    });
}

"""Complete words on the Tab key: ``eval "$(derivative-lab completion bash)"``, in ~/.bashrc once and for all.

For zsh it is the same with zsh in ~/.zshrc, after compinit; for fish, derivative-lab completion fish | source in
~/.config/fish/config.fish. Commands, options, keys, functions, formulas and studies are completed, those of
--config-dir too, and the names of runs.
"""

from __future__ import annotations

from experiments.running import completion
from experiments.terminal import commands, streams
from experiments.terminal.exits import Exit
from experiments.terminal.progress import Terminal

BASH = """\
_derivative_lab() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}"
    local word="${line##* }"
    COMPREPLY=($(derivative-lab completion bash --line "$line" 2>/dev/null))
    # Bash begins a new word after = and : and inserts what follows them.
    [[ $word == [\\'\\"]* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*[=:]}"}"}")
}
complete -o default -o nospace -F _derivative_lab derivative-lab"""
ZSH = """\
_derivative_lab() {
    local -a found
    found=("${(@f)$(derivative-lab completion zsh --line "${LBUFFER}" 2>/dev/null)}")
    [[ -n $found ]] && compadd -Q -S '' -- "${found[@]}" || _files
}
compdef _derivative_lab derivative-lab"""
FISH = """\
complete -c derivative-lab -f -a \
    '(derivative-lab completion fish --line (commandline -cp | string collect) | string trim -r)'"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


@commands.command()
def main(words: list[str]) -> int:
    """Print what makes a shell complete words, or what a line may go on with, and return the exit status.

    Returns
    -------
    int
        0 printed; 2 there is no such shell.
    """
    args = parser().parse_args(words)
    answers = [SCRIPTS[args.shell]] if args.line is None else completion.candidates(args.line)
    Terminal().printed(answers)
    return streams.written(Exit.DONE)


def parser() -> commands.Parser:
    """Return what reads the words of the command."""
    reader = commands.Parser("completion", __doc__)
    reader.add_argument("shell", choices=SCRIPTS, help="the shell")
    reader.add_argument("--line", help="answer the shell: what the last word of this line may be")
    return reader


if __name__ == "__main__":
    streams.process(main)

package main

import (
	"fmt"
	"regexp"
	"strings"

	mangokong "github.com/alecthomas/mango-kong"
	"github.com/muesli/roff"
)

type completionCmd struct {
	Shell string `arg:"" help:"The shell: bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help is called by kong.
func (completionCmd) Help() string {
	return `Prints a script that completes commands and flags with the Tab key. The Debian package
installs the scripts.

Examples:
  source <(dossiersync completion bash)
  dossiersync completion fish > ~/.config/fish/completions/dossiersync.fish`
}

// scripts have the shells ask the program itself; see newParser's caller.
var scripts = map[string]string{
	"bash": "complete -o default -o bashdefault -C dossiersync dossiersync\n",
	"zsh": "#compdef dossiersync\nautoload -U +X bashcompinit && bashcompinit\n" +
		"complete -o default -o bashdefault -C dossiersync dossiersync\n",
	"fish": `function __complete_dossiersync
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    dossiersync
end
complete -f -c dossiersync -a "(__complete_dossiersync)"
`,
}

// Run prints the script of the shell.
func (c *completionCmd) Run(a *session) error {
	_, err := fmt.Fprint(a.out, scripts[c.Shell])
	return err
}

type manCmd struct{}

// Help is called by kong.
func (manCmd) Help() string {
	return `Examples:
  dossiersync man > dossiersync.1`
}

// Run prints the manual page, as make dist installs it.
func (manCmd) Run(a *session) error {
	parser, err := newParser(&cli{})
	if err != nil {
		return err
	}
	spaces := regexp.MustCompile(`\s+`)
	for _, node := range parser.Model.Leaves(true) {
		// The library puts the detail into the heading.
		node.Help, node.Detail = spaces.ReplaceAllString(node.Help+" "+node.Detail, " "), ""
	}
	parser.Model.Help = spaces.ReplaceAllString(parser.Model.Help, " ")
	name, rest, _ := strings.Cut(parser.Model.Help, ". ")
	parser.Model.Help = name + ".\n" + rest
	page := mangokong.NewManPage(1, parser.Model).Build(roff.NewDocument())
	// Without today's date, a release has the same bytes on another day.
	_, err = fmt.Fprint(a.out, regexp.MustCompile(`(?m)^(\.TH \S+ 1) "[^"]*"`).ReplaceAllString(page, `$1 ""`))
	return err
}

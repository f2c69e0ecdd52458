package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// In a {flow: mapping} or [list], YAML takes the braces of ${NAME} for its own, and
// this parser also the question mark of a search. While YAML is parsed, characters of
// Unicode's private use area replace them, one for one, so that columns stay right.
const (
	openShield     = "\uEE7B"
	closeShield    = "\uEE7D"
	questionShield = "\uEE3F"
)

var (
	variable     = regexp.MustCompile(`\$\{([^{}\r\n"']*)\}`)
	question     = regexp.MustCompile(`([A-Za-z])\?([A-Za-z_])`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	unshield     = strings.NewReplacer(openShield, "{", closeShield, "}", questionShield, "?")
)

func shield(data []byte) []byte {
	data = variable.ReplaceAll(data, []byte("$$"+openShield+"${1}"+closeShield))
	return question.ReplaceAll(data, []byte("${1}"+questionShield+"${2}"))
}

// expand returns text with its variables replaced, and whether it had any. A variable
// that cannot be replaced is a fault of v.
func (v value) expand(text string) (expanded string, found, ok bool) {
	var b strings.Builder
	ok = true
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), found, ok
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		b.WriteString(text[:i])
		name, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed || !variableName.MatchString(name) {
			v.faultf("has a ${…} without the name of an environment variable; write ${NAME}, or $${ for a plain ${")
			return "", found, false
		}
		replacement, set := v.l.getenv(name)
		if !set {
			v.faultf("the environment variable %s is not set; set it where dossiersync is started, or write the value here", name)
			ok = false
		}
		b.WriteString(replacement)
		found, text = true, rest
	}
}

// asWritten returns a scalar as it is written in the file.
func asWritten(node *yaml.Node) string { return unshield.Replace(node.Value) }

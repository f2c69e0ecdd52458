package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// In a {flow: mapping} or [list], the braces of ${NAME} are YAML's own, and so,
// to this parser, is the question mark of a search. While YAML is parsed,
// characters of Unicode's private use area stand in for them, one for one, so
// that columns stay true.
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

// expand returns v's text with its variables filled in, and whether there were
// any. Every variable that cannot be filled in is a fault.
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
			v.faultf("has a ${…} that is not the name of an environment variable; write ${NAME}, or $${ for a plain ${")
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

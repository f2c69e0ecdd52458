package simulator

import (
	"slices"
	"strings"

	"dossiersync/cmd/carerecordsim/archive"
)

// splitUnescaped splits at sep, except after a backslash, with which FHIR escapes separators.
func splitUnescaped(s string, sep byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

var unescaper = strings.NewReplacer(`\,`, `,`, `\|`, `|`, `\$`, `$`, `\\`, `\`)

// tokenValue is one alternative of a token parameter.
type tokenValue struct {
	token     archive.Token
	anySystem bool // code alone
	anyCode   bool // system| alone
}

func parseToken(value string) []tokenValue {
	var alternatives []tokenValue
	for _, s := range splitUnescaped(value, ',') {
		parts := splitUnescaped(s, '|')
		if len(parts) == 1 {
			alternatives = append(alternatives, tokenValue{token: archive.Token{Code: unescaper.Replace(s)},
				anySystem: true})
			continue
		}
		t := archive.Token{System: unescaper.Replace(parts[0]), Code: unescaper.Replace(strings.Join(parts[1:], "|"))}
		alternatives = append(alternatives, tokenValue{token: t, anyCode: t.Code == ""})
	}
	return alternatives
}

func (w tokenValue) in(tokens []archive.Token) bool {
	return slices.ContainsFunc(tokens, func(t archive.Token) bool {
		return (w.anySystem || w.token.System == t.System) && (w.anyCode || w.token.Code == t.Code)
	})
}

package dutch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
)

// Template is a text with choices and slots.
type Template []node

// node is one of: literal text, a slot, a choice.
type node struct {
	text    string
	slot    string
	choices []Template
}

// parseTemplate reads "[a|b] {slot} text"; choices may nest.
func parseTemplate(s string) (Template, error) {
	t, rest, err := parseSequence(s, false)
	if err == nil && rest != "" {
		err = fmt.Errorf("%q closes no choice", rest)
	}
	return t, err
}

// parseSequence stops, within a choice, before | or ].
func parseSequence(s string, inChoice bool) (t Template, rest string, err error) {
	for s != "" {
		switch {
		case s[0] == '[':
			var n node
			if n, s, err = parseChoice(s[1:]); err != nil {
				return nil, "", err
			}
			t = append(t, n)
		case s[0] == '{':
			name, after, ok := strings.Cut(s[1:], "}")
			if !ok || !slices.Contains(slots, name) {
				return nil, "", fmt.Errorf("slot %q", name)
			}
			t, s = append(t, node{slot: name}), after
		case s[0] == ']' || inChoice && s[0] == '|':
			return t, s, nil
		default:
			stop := "[{]"
			if inChoice {
				stop = "[{]|"
			}
			end := strings.IndexAny(s, stop)
			if end < 0 {
				end = len(s)
			}
			t, s = append(t, node{text: s[:end]}), s[end:]
		}
	}
	return t, "", nil
}

func parseChoice(s string) (n node, rest string, err error) {
	for {
		choice, after, err := parseSequence(s, true)
		if err != nil {
			return n, "", err
		}
		if after == "" {
			return n, "", fmt.Errorf("this choice does not end: %q", s)
		}
		n.choices = append(n.choices, choice)
		s = after[1:]
		if after[0] == ']' {
			return n, s, nil
		}
	}
}

// Render fills in the template, as whole sentences.
func (t Template) Render(r *rand.Rand, c *Cast) string {
	var b strings.Builder
	t.write(&b, r, c)
	return tidy(b.String())
}

func (t Template) write(b *strings.Builder, r *rand.Rand, c *Cast) {
	for _, n := range t {
		switch {
		case n.choices != nil:
			n.choices[r.IntN(len(n.choices))].write(b, r, c)
		case n.slot != "":
			b.WriteString(c.fill(r, n.slot))
		default:
			b.WriteString(n.text)
		}
	}
}

// tidy capitalises sentences and removes the spaces of empty choices.
func tidy(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	starts, space := true, false // whether a sentence may start here
	for _, r := range s {
		if r == ' ' {
			space = true
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		if starts && (space || b.Len() == 0) {
			r = unicode.ToUpper(r)
			starts = false
		}
		ends := r == '.' || r == '!' || r == '?'
		starts = ends || starts && r == '"'
		space = false
		b.WriteRune(r)
	}
	return b.String()
}

package config

import (
	"math"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// scalar is a single value with its variables replaced.
type scalar struct {
	text     string
	expanded bool   // part of text came from the environment
	shown    string // quoted as written in the file; faults repeat nothing else
	tag      string
}

// scalar returns v's text, or false if v was left out or is faulty. An empty text is a
// fault.
func (v value) scalar() (scalar, bool) {
	if v.given() && v.null() {
		v.faultf("has no value; give it one, or remove the key")
		return scalar{}, false
	}
	if !v.is(yaml.ScalarNode, "a single value") {
		return scalar{}, false
	}
	s := scalar{shown: shorten(asWritten(v.node)), tag: v.node.Tag}
	var ok bool
	s.text, s.expanded, ok = v.expand(asWritten(v.node))
	if ok && s.text == "" {
		v.faultf("is empty; give it a value, or remove the key")
		return scalar{}, false
	}
	return s, ok
}

// shorten quotes text for a fault, on one line and of bounded length.
func shorten(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strconv.Quote(text)
}

func (v value) text(def string) string {
	v.describeText(def)
	if s, ok := v.scalar(); ok {
		return s.text
	}
	return def
}

// subset reads items that are each one of options, without duplicates.
func subset(items []value, options ...string) []string {
	var chosen []string
	for _, item := range items {
		switch option := item.oneOf("", options...); {
		case option == "":
		case slices.Contains(chosen, option):
			item.faultf("is in the list twice; remove one")
		default:
			chosen = append(chosen, option)
		}
	}
	return chosen
}

// distinct reads a text that no earlier value has; seen has the path of each text.
func (v value) distinct(seen map[string]string) string {
	v.describeText("")
	s, ok := v.scalar()
	if !ok {
		return ""
	}
	if other, taken := seen[s.text]; taken {
		v.faultf("is the same as %s; give each its own", other)
	} else {
		seen[s.text] = v.path
	}
	return s.text
}

func (v value) oneOf(def string, options ...string) string {
	v.describe(schema{"anyOf": []schema{{"enum": options}, {"type": "string", "pattern": variablePattern}}, "default": def})
	s, ok := v.scalar()
	if ok && !slices.Contains(options, s.text) {
		v.faultf("must be %s, not %s", oneOfList(options), s.shown)
		ok = false
	}
	if !ok {
		return def
	}
	return s.text
}

func oneOfList(options []string) string {
	if len(options) == 1 {
		return options[0]
	}
	last := len(options) - 1
	return strings.Join(options[:last], ", ") + " or " + options[last]
}

func (v value) boolean() bool {
	v.describe(schema{"type": []string{"boolean", "string"}, "pattern": variablePattern, "default": false})
	s, ok := v.scalar()
	if ok && (s.text != "true" && s.text != "false" || s.tag != "!!bool" && !s.expanded) {
		v.faultf("must be true or false, without quotes, not %s", s.shown)
	}
	return ok && s.text == "true"
}

func (v value) whole(def, least, most int) int {
	v.describeNumber("integer", schema{"minimum": least, "maximum": most, "default": def})
	s, ok := v.scalar()
	if !ok {
		return def
	}
	n, err := strconv.Atoi(s.text)
	if err != nil || n < least || n > most || s.tag != "!!int" && !s.expanded {
		v.faultf("must be a whole number from %d to %d, without quotes, not %s", least, most, s.shown)
		return def
	}
	return n
}

// rate reads a number above 0, at most most.
func (v value) rate(def, most float64) float64 {
	v.describeNumber("number", schema{"exclusiveMinimum": 0, "maximum": most, "default": def})
	s, ok := v.scalar()
	if !ok {
		return def
	}
	n, err := strconv.ParseFloat(s.text, 64)
	number := s.tag == "!!int" || s.tag == "!!float" || s.expanded
	if err != nil || !number || math.IsNaN(n) || n <= 0 || n > most {
		v.faultf("must be a number above 0 and at most %g, without quotes, not %s", most, s.shown)
		return def
	}
	return n
}

// durationPattern matches what [time.ParseDuration] reads.
const durationPattern = `^[-+]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`

func (v value) duration(def time.Duration) time.Duration {
	v.describePattern(durationPattern, strconv.FormatFloat(def.Seconds(), 'f', -1, 64)+"s")
	v.describe(schema{"type": []string{"string", "integer"}, "maximum": 0}) // 0 needs no unit
	s, ok := v.scalar()
	if !ok {
		return def
	}
	d, err := time.ParseDuration(s.text)
	if err != nil || d < 0 || d > 24*time.Hour {
		v.faultf("must be a time with its unit, such as 150s or 15m, from 0s to 24h, not %s", s.shown)
		return def
	}
	return d
}

var percentage = regexp.MustCompile(`^\d{1,3}(\.\d{1,6})?%$`)

// percent returns a fraction: 0.05 for 5%.
func (v value) percent(def float64) float64 {
	v.describePattern(percentage.String(), strconv.FormatFloat(def*100, 'f', -1, 64)+"%")
	s, ok := v.scalar()
	if !ok {
		return def
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(s.text, "%"), 64)
	if err != nil || !percentage.MatchString(s.text) || n > 100 {
		v.faultf("must be a percentage from 0%% to 100%%, such as 5%% or 0.5%%, not %s", s.shown)
		return def
	}
	return n / 100
}

// filePath reads a path, which starts from the folder of the configuration file.
func (v value) filePath(def string) string {
	p := v.text(def)
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(v.l.dir, p)
}

// url reads an absolute http or https URL. It returns nil if v is left out or faulty.
func (v value) url(example string) *url.URL {
	v.describePattern(`^https?://[^#]+$`, "")
	s, ok := v.scalar()
	if !ok {
		return nil
	}
	u, err := url.Parse(s.text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Port() != "" && !portNumber(u.Port()):
		v.faultf("must be a whole http or https address, such as %s", example)
	case u.User != nil:
		v.faultf("has a user name or password in the address; remove it and write it under auth")
	case strings.Contains(s.text, "#"):
		v.faultf("has a # part; remove it and all that follows")
	default:
		if u.Scheme == "http" && !loopback(u.Hostname()) {
			v.warnf("is plain http to another machine, which anyone in between can read; use https")
		}
		return u
	}
	return nil
}

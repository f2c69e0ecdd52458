package console

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// number formats n with commas between thousands.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// cell is a number in a table, where zeros are muted.
func cell(n int64) template.HTML {
	if n == 0 {
		return `<span class="muted">0</span>`
	}
	return template.HTML(number(n)) //nolint:gosec // digits and commas
}

// count formats n with the singular or plural noun.
func count(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + more
}

// tone returns the CSS class for a word: good, warn, part, bad, calm or busy. The colour adds
// nothing to the word.
func tone(word any) string {
	switch fmt.Sprint(word) {
	case "good", "fresh", "complete", "on time", "shown", "read", "yes":
		return "good"
	case "late", "hidden", "withdrawn", "warn":
		return "warn"
	case "partial", "quarantined":
		return "part"
	case "stale", "never", "failed", "no", "bad":
		return "bad"
	case "running", "reading":
		return "busy"
	}
	return "calm"
}

func joinParts(parts []dossier.Part) string {
	words := make([]string, 0, len(parts))
	for _, p := range parts {
		words = append(words, string(p))
	}
	if len(words) == 0 {
		return "no part"
	}
	return strings.Join(words, ", ")
}

func by(r store.Run) string {
	if r.RequestedBy == nil {
		return ""
	}
	return *r.RequestedBy
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// some joins names, and only counts the last of many.
func some(names []string) string {
	const few = 4
	if len(names) > few+1 {
		names = append(slices.Clone(names[:few]), fmt.Sprintf("%d others", len(names)-few))
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// missing lists the types of the source without a search, those with most items first.
func missing(counts map[string]int64) string {
	types := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, name := range types {
		types[i] = number(counts[name]) + " " + name
	}
	return strings.Join(types, ", ")
}

// reason counts the items with an effect for a reason.
type reason struct {
	Count         int64
	Word          store.Effect
	Name, Meaning string
}

func reasons(c store.Counts) []reason {
	var list []reason
	for _, e := range c.Reasons.Reasons() {
		list = append(list, reason{c.Reasons[e], e.Word(), string(e.Reason()), e.Reason().Meaning()})
	}
	return list
}

// othersOf counts the items of a stream in a state other than shown.
func othersOf(s operate.WhyStream, state string) int64 {
	var n int64
	for _, o := range s.Others {
		if string(o.State) == state {
			n += o.Count
		}
	}
	return n
}

// seenMeanwhile describes what readers see while the newest version is in quarantine.
func seenMeanwhile(it store.QuarantinedItem) string {
	switch {
	case it.State == nil:
		return "nothing: no version of it could be applied yet"
	case *it.State == dossier.StateShown:
		return "the last good version"
	case it.StateReason == nil:
		return fmt.Sprintf("nothing: it is %s", *it.State)
	}
	return fmt.Sprintf("nothing: it is %s (%s)", *it.State, it.StateReason.Meaning())
}

// notes are the remarks about a tenant that need nobody.
func notes(s operate.Status) []string {
	var list []string
	if s.EpochSince != nil && s.Now.Sub(*s.EpochSince) < 7*24*time.Hour {
		list = append(list, fmt.Sprintf("The source was restored or replaced %s: everything is read again (epoch %d).",
			operate.Ago(s.Now, s.EpochSince), s.Epoch))
	}
	return list
}

// upperFirst begins a sentence with a capital.
func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

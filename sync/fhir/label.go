package fhir

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// appendLabels appends to marks the codes of v, a list of Coding that labels a resource or a part
// of one. A label that means "not for the patient" however it is spelt, and one that says nothing
// at all, sets marks.forbidden: doubt about a mark hides (I6).
func (m *marks) appendLabels(codes *[]Code, v value) {
	for _, coding := range v.each() {
		m.appendLabel(codes, coding)
	}
}

func (m *marks) appendLabel(codes *[]Code, coding value) {
	code, display := coding.get("code").str(), coding.get("display").str()
	if code == "" && display != "" {
		*codes = append(*codes, Code{coding.get("system").str(), display}) // a rule may mean it by its words
	}
	*codes = appendCoding(*codes, coding)
	isSecurity := codes == &m.security
	if saysNoPatient(code) || saysNoPatient(display) || isSecurity && bare(code) == "" && bare(display) == "" {
		m.forbidden = true
	}
}

// appendNamedConcepts appends to codes those of v, a list of CodeableConcept or one, that say what a
// record is. Some write there that it is not for the patient: of a text, which may be prose, only
// where it says nothing else.
func (m *marks) appendNamedConcepts(codes *[]Code, v value) {
	for _, concept := range listOrOne(v) {
		*codes = appendConcept(*codes, concept)
		text := strings.ToLower(bare(concept.get("text").str()))
		m.forbidden = m.forbidden || text == "nopat" || slices.Contains(noPatientPhrases, text)
		for _, coding := range concept.get("coding").each() {
			m.forbidden = m.forbidden || saysNoPatient(coding.get("code").str()) || saysNoPatient(coding.get("display").str())
		}
	}
}

// listOrOne returns the elements of v, or v itself where that is an object: some members are a list
// in one type and one element in another.
func listOrOne(v value) []value {
	if object := asObject(v); object.ok() {
		return []value{object}
	}
	return slices.Collect(eachOf(v))
}

// appendLabelConcepts is appendLabels for v, a list of CodeableConcept.
func (m *marks) appendLabelConcepts(codes *[]Code, v value) {
	for _, concept := range v.each() {
		m.appendLabels(codes, concept.get("coding"))
		if saysNoPatient(concept.get("text").str()) {
			m.forbidden = true
		}
	}
}

// noPatientPhrases are displays that mean NOPAT: the one of HL7 v3-ActCode, and its Dutch
// equivalents.
var noPatientPhrases = []string{
	"nodisclosuretopatient", "notforpatient", "notforclient", "nietvoorpatient", "nietvoordepatient",
	"nietvoorclient", "nietvoordeclient", "nietzichtbaarvoorclient", "nietzichtbaarvoordeclient",
	"nietzichtbaarvoorpatient", "nietzichtbaarvoordepatient",
}

// saysNoPatient reports whether s, the code or the display of a label, means NOPAT: in either
// case, between other words, or with blanks or invisible characters in it.
func saysNoPatient(s string) bool {
	if s == "" {
		return false
	}
	if known, ok := saidNoPatient.get(s); ok {
		return known
	}
	whole := bare(s)
	lower := strings.ToLower(whole)
	words := strings.FieldsFunc(visible(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	says := lookAlikes.Replace(whole) == "NOPAT" ||
		slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, "NOPAT") }) ||
		slices.ContainsFunc(noPatientPhrases, func(p string) bool { return strings.Contains(lower, p) }) ||
		withheldFrom.MatchString(lower)
	saidNoPatient.put(s, says)
	return says
}

// saidNoPatient keeps the answers of saysNoPatient, because most records have the same few codes.
var saidNoPatient keptAnswers

// keptAnswers keeps answers about short texts, and forgets all of them when there are too many.
type keptAnswers struct {
	mu   sync.RWMutex
	kept map[string]bool
}

const (
	answersAtMost = 2000
	answersUpTo   = 100 // bytes of text
)

func (a *keptAnswers) get(s string) (answer, ok bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	answer, ok = a.kept[s]
	return answer, ok
}

func (a *keptAnswers) put(s string, answer bool) {
	if len(s) > answersUpTo {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept == nil || len(a.kept) >= answersAtMost {
		a.kept = make(map[string]bool)
	}
	a.kept[strings.Clone(s)] = answer
}

// withheldFrom matches Dutch labels that keep something from the client.
var withheldFrom = regexp.MustCompile(`^niet(voor|zichtbaar|tonen|delen|publiceren|vrijgeven|inzien)(aan|in|met|op|voor)?(het|de)?(client|patient|familie|naasten|portaal)`)

// visible returns s in compatibility form and without the characters that nobody sees.
func visible(s string) string {
	if isPlain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
}

// isPlain reports whether s consists of visible characters of ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// lookAlikes turns the Cyrillic and Greek letters that look like those of NOPAT into these.
var lookAlikes = strings.NewReplacer("О", "O", "о", "o", "Р", "P", "р", "p", "А", "A", "а", "a", "Т", "T", "т", "t",
	"Ν", "N", "Ο", "O", "ο", "o", "Ρ", "P", "ρ", "p", "Α", "A", "α", "a", "Τ", "T", "τ", "t")

// bare returns the letters and digits of s, in upper case and without diacritics.
func bare(s string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, visible(s)))
}

// resembles reports whether c, of a hide rule, may mean one of codes: a code that is written
// without its system, in another case, or with blanks around it still hides.
func (c Code) resembles(codes []Code) bool {
	return slices.ContainsFunc(codes, func(have Code) bool {
		if have == c || c.System == "" && have.Code == c.Code {
			return true
		}
		return foldCode(have.Code) == foldCode(c.Code) &&
			(c.System == "" || foldCode(have.System) == "" || foldSystem(have.System) == foldSystem(c.System))
	})
}

func foldCode(s string) string { return strings.ToLower(strings.TrimSpace(visible(s))) }

func foldSystem(s string) string {
	s = strings.TrimRight(foldCode(s), "/")
	return strings.TrimPrefix(strings.TrimPrefix(s, "https:"), "http:")
}

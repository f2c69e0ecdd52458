package dossier

import (
	"bytes"
	_ "embed" // the table of accepted places
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// LeftOutKind says why words of a record reach no reader.
type LeftOutKind string

const (
	// LeftOutUnread is a member that the mapping does not read.
	LeftOutUnread LeftOutKind = "unread"
	// LeftOutWithheld is a member that a mark, a rule or a condition keeps from readers.
	LeftOutWithheld LeftOutKind = "withheld"
	// LeftOutWords is a member with words that are not in what is stored (of a sample of the records).
	LeftOutWords LeftOutKind = "words"
)

// Meaning returns the kind in words for operators.
func (k LeftOutKind) Meaning() string {
	switch k {
	case LeftOutUnread:
		return "not read: the mapping has no use for this member"
	case LeftOutWithheld:
		return "withheld: a mark, a rule or a condition keeps it from readers"
	case LeftOutWords:
		return "read, but some of its words are not in what readers get"
	}
	return string(k)
}

// LeftOut is a place of a record whose words reach no reader. It never holds the words (I2).
type LeftOut struct {
	// Place is the member by the names of FHIR R4, without indexes: CarePlan.activity.detail.quantity.
	// A member with a name that R4 does not have is called other.
	Place string      `json:"place"`
	Kind  LeftOutKind `json:"kind"`
	// Length is how much there is: bytes as the source writes it, or of LeftOutWords the number of words.
	Length int `json:"length"`
}

// A Member is what became of one member of a record, or of all members at one place.
type Member struct {
	Place  string    `json:"place"`         // see [LeftOut]
	URL    string    `json:"url,omitempty"` // of an extension
	Use    MemberUse `json:"use"`
	Reason string    `json:"reason,omitempty"` // in words for operators
	Values int       `json:"values"`
	Length int       `json:"length"` // bytes as the source writes them
}

// MemberUse is what became of a member.
type MemberUse string

// The uses of members.
const (
	MemberRead       MemberUse = "read"        // for readers, or to judge whether they may read the record
	MemberLeftOut    MemberUse = "left-out"    // its words reach no reader
	MemberWithheld   MemberUse = "withheld"    // a mark, a rule or a condition keeps it from readers
	MemberNotCounted MemberUse = "not-counted" // it says nothing to readers, or nothing that is not read elsewhere
	MemberNotSeen    MemberUse = "not-seen"    // the record is not shown, so nothing more was looked at
)

// SourceWords are the visible words of one place of a record. They are compared with what is stored and
// then dropped.
type SourceWords struct {
	Place string
	Text  string
}

//go:embed leftout.txt
var leftOutTable string

var acceptedPlaces = sync.OnceValue(func() map[string]string {
	places := make(map[string]string)
	for l := range strings.Lines(leftOutTable) {
		place, reason, ok := strings.Cut(strings.TrimSpace(l), "  ")
		if ok && !strings.HasPrefix(place, "#") {
			places[place] = strings.TrimSpace(reason)
		}
	}
	return places
})

// LeftOutReason returns why it is right that the place is left out; ok is false for a place that nobody
// has looked at yet, which asks for attention.
func LeftOutReason(place string) (reason string, ok bool) {
	reason, ok = acceptedPlaces()[place]
	return reason, ok
}

// AcceptedPlaces lists the places whose loss was looked at and accepted, with the reasons. The map is
// the caller's.
func AcceptedPlaces() map[string]string {
	return maps.Clone(acceptedPlaces())
}

// MissingWords returns the places of words that are in none of the texts of stored, which are JSON. What
// holds no letter, such as a number or a date, is written in another way for readers and does not count.
func MissingWords(words []SourceWords, stored ...[]byte) []LeftOut {
	have := make(map[string]struct{})
	for _, b := range stored {
		d := json.NewDecoder(bytes.NewReader(b))
		for {
			t, err := d.Token()
			if err != nil {
				break
			}
			if s, ok := t.(string); ok {
				for w := range eachWord(s) {
					have[w] = struct{}{}
				}
			}
		}
	}
	missing := make(map[string]int)
	for _, s := range words {
		for w := range eachWord(s.Text) {
			if _, ok := have[w]; !ok {
				missing[s.Place]++
			}
		}
	}
	var all []LeftOut
	for _, place := range slices.Sorted(maps.Keys(missing)) {
		all = append(all, LeftOut{place, LeftOutWords, missing[place]})
	}
	return all
}

// eachWord yields the words of s that hold a letter, in one spelling.
func eachWord(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		s = strings.ToLower(norm.NFKC.String(s))
		for w := range strings.FieldsFuncSeq(s, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
			if strings.ContainsFunc(w, unicode.IsLetter) && !yield(w) {
				return
			}
		}
	}
}

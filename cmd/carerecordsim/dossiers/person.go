package dossiers

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// person has a Dutch name, with prefixes apart; a partner's name comes first.
type person struct {
	female                 bool
	given                  []string
	prefix, family         string
	partnerPrefix, partner string
}

func newPerson(r *rand.Rand, book *dutch.Book, generation string) person {
	p := person{female: chance(r, 0.6)}
	group := "man" + generation
	if p.female {
		group = "vrouw" + generation
	}
	p.given = []string{book.Pick(r, group)}
	for generation != "" && len(p.given) < 3 && chance(r, 0.5) {
		p.given = append(p.given, book.Pick(r, group))
	}
	p.prefix, p.family = surname(r, book)
	if generation != "" && p.female && chance(r, 0.6) {
		p.partnerPrefix, p.partner = surname(r, book)
	}
	return p
}

func surname(r *rand.Rand, book *dutch.Book) (prefix, family string) {
	prefix, family, _ = strings.Cut(book.Pick(r, "achternaam"), "|")
	return prefix, family
}

func (p person) surname() string {
	own := withPrefix(p.prefix, p.family)
	if p.partner == "" {
		return own
	}
	return withPrefix(p.partnerPrefix, p.partner) + "-" + own
}

func withPrefix(prefix, family string) string {
	return strings.TrimSpace(prefix + " " + family)
}

func (p person) full() string { return strings.Join(p.given, " ") + " " + p.surname() }

// initialled returns a name such as "F. el Maanlicht".
func (p person) initialled() string { return p.initials() + " " + p.surname() }

func (p person) initials() string {
	var b strings.Builder
	for _, g := range p.given {
		first, _ := utf8.DecodeRuneInString(g)
		fmt.Fprintf(&b, "%c.", first)
	}
	return b.String()
}

// formal returns a name such as "mevrouw Van der Zonneweide". The prefix has a capital because no
// first name stands before it.
func (p person) formal(title string) string {
	family := withPrefix(p.prefix, p.family)
	if p.partner != "" {
		family = withPrefix(p.partnerPrefix, p.partner)
	}
	first, size := utf8.DecodeRuneInString(family)
	return title + " " + string(unicode.ToUpper(first)) + family[size:]
}

func (p person) title() string {
	if p.female {
		return "mevrouw"
	}
	return "meneer"
}

func (p person) gender() string {
	if p.female {
		return "female"
	}
	return "male"
}

// official returns the name as in zib2020, with the parts of the family name in extensions.
func (p person) official() humanName {
	const url = "http://hl7.org/fhir/StructureDefinition/humanname-"
	n := humanName{Use: "official", Text: p.full(), Family: p.surname(), Given: p.given}
	var parts []extension
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, extension{URL: url + name, ValueString: value})
		}
	}
	add("own-prefix", p.prefix)
	add("own-name", p.family)
	add("partner-prefix", p.partnerPrefix)
	add("partner-name", p.partner)
	n.FamilyExt = &extensions{parts}
	if p.partner != "" {
		n.Extension = []extension{{URL: url + "assembly-order", ValueCode: "NL3"}}
	}
	for range p.given {
		n.GivenExt = append(n.GivenExt, extensions{[]extension{
			{URL: "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier", ValueCode: "BR"},
		}})
	}
	return n
}

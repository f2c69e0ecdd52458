package config

import (
	"strings"
)

// Mapping turns what a source sends into what a portal shows.
type Mapping struct {
	// ReportCodes are the codes of the Observations that are reports; all others stay
	// hidden. Nil: the day report alone.
	ReportCodes []Code
	// Category makes a report "general" or "care-plan"; the first rule that matches
	// counts. Without a match, a report that refers to a plan or a goal is "care-plan".
	Category []Rule
	// Domains puts goals and plans under one of the four domains ("mentaal",
	// "lichamelijk", "participatie", "wonen"); the first rule that matches counts.
	Domains []Rule
	// Hide matches what is never stored readably, beside what is marked NOPAT.
	Hide []Match
	Show Show
	// DocumentTime is the date at which a document stands on the time line: "service", that
	// of the care it is about, or "indexed".
	DocumentTime string
	// Timeline has the kinds of items that get a card: "report", "form", both or none.
	Timeline []string
	// Author is what readers see of an author: "name-and-role", "role" or
	// "organisation".
	Author string
	// Labels are the words that readers see for each part ("reports", "forms",
	// "care-plans") and category ("general", "care-plan"), the titles of a report or form
	// that has none ("single_report", "single_form"), and the words for codes ("role.client").
	Labels map[string]string
}

// singulars holds the singulars of words that portals use for reports and forms.
var singulars = map[string]string{
	"rapportages": "Rapportage", "rapportage": "Rapportage", "rapporten": "Rapport",
	"verslagen": "Verslag", "verslaglegging": "Verslag", "dagrapportages": "Dagrapportage",
	"notities": "Notitie", "berichten": "Bericht", "documenten": "Document",
	"vragenlijsten": "Vragenlijst", "formulieren": "Formulier", "lijsten": "Lijst",
	"metingen": "Meting", "meetinstrumenten": "Meetinstrument",
}

// Rule gives Set to what Match matches.
type Rule struct {
	Match Match
	Set   string
}

// Match matches an item that has all of the codes given. At least one is given; a
// zero Code is not looked for.
type Match struct {
	Code     Code
	Category Code
	Tag      Code // in meta.tag
	Security Code // in meta.security or a securityLabel
}

// Code is a code in a code system.
type Code struct {
	System string // a URI; empty: a code that has no system
	Code   string
}

// String gives c as in the file: system|code.
func (c Code) String() string { return c.System + "|" + c.Code }

// Show has the states of items that are hidden unless the tenant shows them.
type Show struct {
	Stopped     bool // forms that were stopped
	InProgress  bool // forms that are being filled in
	Preliminary bool // reports that are not final
	Superseded  bool // documents that another replaces
}

func (v value) mapping() Mapping {
	s := v.section()
	defer s.end()
	return Mapping{
		ReportCodes:  s.key("report_codes").codes(),
		Category:     s.key("category").rules("general", "care-plan"),
		Domains:      s.key("domains").rules("mentaal", "lichamelijk", "participatie", "wonen"),
		Hide:         s.key("hide").hide(),
		Show:         s.key("show").show(),
		DocumentTime: s.key("document_time").oneOf("service", "service", "indexed"),
		Timeline:     s.key("timeline").timeline(),
		Author:       s.key("author").oneOf("name-and-role", "name-and-role", "role", "organisation"),
		Labels:       s.key("labels").labels(),
	}
}

func (v value) codes() []Code {
	if !v.given() {
		return nil
	}
	codes := []Code{}
	for _, item := range v.list() {
		codes = append(codes, item.code())
	}
	return codes
}

// code reads system|code; zero when left out or faulty.
func (v value) code() Code {
	v.describePattern(`^[^|\s]*\|[^|\s]+$`, "")
	s, ok := v.scalar()
	if !ok {
		return Code{}
	}
	system, code, found := strings.Cut(s.text, "|")
	if !found || code == "" || strings.Contains(code, "|") || strings.ContainsAny(s.text, " \t\r\n") {
		v.faultf("must be system|code, such as http://snomed.info/sct|11591000146107, "+
			"or |code for a code without a system, not %s", s.shown)
		return Code{}
	}
	return Code{System: system, Code: code}
}

func (v value) rules(sets ...string) []Rule {
	var rules []Rule
	for _, item := range v.list() {
		s := item.section()
		rules = append(rules, Rule{
			Match: s.key("match").match(),
			Set:   s.key("set").required("write "+oneOfList(sets)).oneOf("", sets...),
		})
		s.end()
	}
	return rules
}

func (v value) hide() []Match {
	var hidden []Match
	for _, item := range v.list() {
		s := item.section()
		hidden = append(hidden, s.key("match").match())
		s.end()
	}
	return hidden
}

func (v value) match() Match {
	const how = `write what to match, such as {tag: "https://ecd.example/kind|zorgleefplan"}`
	s := v.required(how).section()
	defer s.end()
	m := Match{
		Code:     s.key("code").code(),
		Category: s.key("category").code(),
		Tag:      s.key("tag").code(),
		Security: s.key("security").code(),
	}
	if len(s.written) == 0 {
		s.faultf("matches nothing; %s", how)
	}
	return m
}

func (v value) show() Show {
	s := v.section()
	defer s.end()
	return Show{
		Stopped:     s.key("stopped").boolean(),
		InProgress:  s.key("in-progress").boolean(),
		Preliminary: s.key("preliminary").boolean(),
		Superseded:  s.key("superseded").boolean(),
	}
}

func (v value) timeline() []string {
	kinds := []string{"report", "form"}
	v.describe(schema{"default": kinds})
	if !v.given() {
		return kinds
	}
	return subset(v.list(), kinds...)
}

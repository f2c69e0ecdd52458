package config

import (
	"cmp"
	"strings"
)

// Mapping turns what a source sends into what a portal shows.
type Mapping struct {
	// ReportCodes are the codes by which an Observation is a report; all other
	// Observations stay hidden. Nil: the day report alone.
	ReportCodes []Code
	// Category says which reports are "general" and which "care-plan"; the
	// first rule that matches counts. A report that none matches is a
	// "care-plan" one when it refers to a plan or a goal.
	Category []Rule
	// Domains puts goals and plans under one of the four domains ("mentaal",
	// "lichamelijk", "participatie", "wonen"); the first that matches counts.
	Domains []Rule
	// Hide says what is never stored readably, beside what is marked NOPAT.
	Hide []Match
	// Show says which states a tenant shows that are hidden otherwise.
	Show Show
	// DocumentTime is the date by which a document stands on the time line: "service", that of the
	// care it is about, or "indexed". Default: service.
	DocumentTime string
	// Timeline has the kinds that make cards: "report", "form", both or
	// neither. Default: both.
	Timeline []string
	// Author is what readers see of who wrote something: "name-and-role",
	// "role" or "organisation". Default: name-and-role.
	Author string
	Labels Labels
}

// Rule gives Set to what Match matches.
type Rule struct {
	Match Match
	Set   string
}

// Match matches an item that has all of the codes given. At least one is; a
// zero Code is not asked for.
type Match struct {
	Code     Code
	Category Code
	Tag      Code // in meta.tag
	Security Code // in meta.security or a securityLabel
}

// Code is a code in a code system. That of a file is never zero.
type Code struct {
	System string // a URI; empty: a code that has no system
	Code   string
}

// String gives c as in the file: system|code.
func (c Code) String() string { return c.System + "|" + c.Code }

// Show has the states that are hidden unless a tenant shows them.
type Show struct {
	Stopped     bool // forms that were stopped
	InProgress  bool // forms that are being filled in
	Preliminary bool // reports that are not final
	Superseded  bool // documents that another replaces
}

// Labels are the words shown to people.
type Labels struct {
	Reports   string // default: Rapportages
	Forms     string // default: Vragenlijsten
	CarePlans string // default: Zorgplan
	General   string // the category; default: Algemeen
	CarePlan  string // the category; default: Zorgleefplan
	// Report and Form are what one of them is called that has no title. Default: the singular of
	// Reports and Forms where that is known, else Rapportage and Vragenlijst.
	Report string
	Form   string
}

// singular holds the singulars of words that portals use for reports and forms.
var singular = map[string]string{
	"rapportages": "Rapportage", "rapportage": "Rapportage", "rapporten": "Rapport", "verslagen": "Verslag", "verslaglegging": "Verslag",
	"dagrapportages": "Dagrapportage", "notities": "Notitie", "berichten": "Bericht", "documenten": "Document",
	"vragenlijsten": "Vragenlijst", "formulieren": "Formulier", "lijsten": "Lijst", "metingen": "Meting", "meetinstrumenten": "Meetinstrument",
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
		Timeline:     s.key("timeline").timeline(),
		DocumentTime: s.key("document_time").oneOf("service", "service", "indexed"),
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
	s, ok := v.scalar()
	if !ok {
		return Code{}
	}
	system, code, found := strings.Cut(s.text, "|")
	if !found || code == "" || strings.Contains(code, "|") || strings.ContainsAny(s.text, " \t\r\n") {
		v.faultf("must be system|code, such as http://snomed.info/sct|11591000146107, or |code for a code without a system, not %s", s.shown)
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
	if !v.given() {
		return kinds
	}
	return subset(v.list(), kinds...)
}

func (v value) labels() Labels {
	s := v.section()
	defer s.end()
	reports, forms := s.key("reports").text("Rapportages"), s.key("forms").text("Vragenlijsten")
	return Labels{
		Reports:   reports,
		Forms:     forms,
		Report:    s.key("single_report").text(cmp.Or(singular[strings.ToLower(reports)], "Rapportage")),
		Form:      s.key("single_form").text(cmp.Or(singular[strings.ToLower(forms)], "Vragenlijst")),
		CarePlans: s.key("care-plans").text("Zorgplan"),
		General:   s.key("general").text("Algemeen"),
		CarePlan:  s.key("care-plan").text("Zorgleefplan"),
	}
}

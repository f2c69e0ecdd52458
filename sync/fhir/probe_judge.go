package fhir

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
)

func (p *Probed) problem(format string, args ...any) {
	p.Problems = append(p.Problems, fmt.Sprintf(format, args...))
}
func (p *Probed) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// judge derives from what was found what it means, and what to configure.
func (p *Probed) judge(s *Source) {
	p.judgeSource(s)
	for i := range p.Types {
		if t := &p.Types[i]; t.Failure != "" {
			p.judgeFailure(t)
		} else {
			p.judgeReading(t)
			p.judgeIdentity(t)
		}
	}
	p.judgeAll()
	p.configure(s)
}

// judgeSource judges what is the same for all types.
func (p *Probed) judgeSource(s *Source) {
	switch off := p.ClockOff; {
	case off == nil:
		p.note("The source does not tell the time (Date); windows end by the clock of this machine.")
	case math.Abs(*off) > 60:
		p.note("The source's clock differs from ours by %.0f s. Windows follow the source's clock, so nothing is missed; "+
			"freshness may look wrong by as much.", *off)
	}
	if p.Throttle {
		p.note("The source asked for patience (429). It is obeyed; fewer requests per second avoid it.")
	}
	if s.learned.known()&withTotal != 0 {
		p.note("The source does not take _total=accurate.")
	}
	if p.Files > 0 {
		p.note("Files of documents can be fetched.")
	}
	if s.learned.known()&withStrict != 0 {
		p.note("The source refuses our searches with Prefer: handling=strict. It is left out, so a parameter that the source " +
			"does not know is ignored in silence.")
	}
}

// judgeFailure judges a type that cannot be searched.
func (p *Probed) judgeFailure(t *ProbedType) {
	switch refused := t.status == http.StatusUnauthorized || t.status == http.StatusForbidden; {
	case t.optional:
		p.note("%s: %s. The configuration does not ask for this type, so nothing is lacking.", t.Type, t.Failure)
	case refused:
		p.problem("%s may not be read (HTTP %d): the account needs the right to search and read it, or take it out of search.%s.",
			t.Type, t.status, t.Stream)
	default:
		p.problem("%s cannot be searched: %s.", t.Type, t.Failure)
	}
}

// judgeReading judges how the records of a type are found.
func (p *Probed) judgeReading(t *ProbedType) {
	if t.Next == "fails" {
		p.problem("%s: the link to the next page cannot be followed. If it leads to another path of this server, "+
			"name that in attachment_prefixes; if to another server, base_url is not what the server calls itself.", t.Type)
	}
	if t.Interval == "fails" {
		p.problem("%s: a search by _lastUpdated fails.", t.Type)
	}
	if t.Precision == "none" {
		p.problem("%s: records have no meta.lastUpdated, so that changes cannot be told from what is known.", t.Type)
	}
	if t.Records != nil && t.Next == "none" && t.Order != "" && *t.Records > t.Given {
		p.note("%s: the source counts %d records and shows %d. It may count what this account may not see, or lose pages.",
			t.Type, *t.Records, t.Given)
	}
}

// judgeIdentity judges what is known of single records.
func (p *Probed) judgeIdentity(t *ProbedType) {
	if t.Read != "" && t.Read != "yes" {
		p.problem("%s: a record that a search finds cannot be read by its id (%s). Absences cannot be confirmed, and what is "+
			"missing cannot be fetched again: the account needs the right to read.", t.Type, t.Read)
	}
	if t.document != "" {
		p.problem("%s: a record cannot be read whole (%s). If the file lies elsewhere on the same server, name its address in "+
			"attachment_prefixes.", t.Type, t.document)
	}
	if len(t.Bases) > 0 {
		p.problem("%s: records refer to clients under another address than base_url (%s), and are hidden as without a client. "+
			"If that address is this server, name it in aliases.", t.Type, strings.Join(t.Bases, ", "))
	}
}

// noteTypes adds one note for all types of which is holds.
func (p *Probed) noteTypes(text string, is func(*ProbedType) bool) {
	var names []string
	readable := 0
	for i := range p.Types {
		t := &p.Types[i]
		if t.Failure != "" {
			continue
		}
		readable++
		if is(t) && !slices.Contains(names, t.Type) {
			names = append(names, t.Type)
		}
	}
	switch {
	case len(names) == 0:
	case len(names) == readable && readable > 1:
		p.note("All types: %s", text)
	default:
		p.note("%s: %s", strings.Join(names, ", "), text)
	}
}

// judgeAll adds what is noted of types together.
func (p *Probed) judgeAll() {
	p.noteTypes("_lastUpdated is ignored or refused: every run reads everything.",
		func(t *ProbedType) bool { return t.Interval == "ignored" || t.Interval == "refused" })
	p.noteTypes("_lastUpdated is taken once only: the upper bound is cut off here.",
		func(t *ProbedType) bool { return t.Interval == "one-sided" })
	p.noteTypes("a search for all records fails: a first load and each reconcile read in parts.",
		func(t *ProbedType) bool { return t.InParts })
	p.noteTypes("can be searched for one client at a time only: a run makes one request for each client.",
		func(t *ProbedType) bool { return t.ByClient })
	p.noteTypes("no list of deletions: a reconcile follows every scheduled run.",
		func(t *ProbedType) bool { return t.Deletions == "none" })
	p.noteTypes("the source does not count: an incomplete answer is seen only by another pass, or by a reconcile.",
		func(t *ProbedType) bool { return t.Records == nil })
	p.noteTypes("not in the order of _lastUpdated: each window is read to its end before the cursor moves.",
		func(t *ProbedType) bool { return t.Order == "none" })
	p.noteTypes("_id takes one id only: records are read one by one.",
		func(t *ProbedType) bool { return t.IDList == "no" })
	p.noteTypes("the source has no records that the search finds; is it the right one?",
		func(t *ProbedType) bool { return t.Records != nil && *t.Records == 0 && !t.optional })
}

// configure derives what to write under source.fhir.
func (p *Probed) configure(s *Source) {
	least := 0
	var bases []string
	for i := range p.Types {
		t := &p.Types[i]
		if given := t.Given; t.Next != "none" && given > 0 && given < t.Asked && (least == 0 || given < least) {
			least = given
		}
		for _, base := range t.Bases {
			if !slices.Contains(bases, base) {
				bases = append(bases, base)
			}
		}
	}
	if least > 0 {
		p.Config = append(p.Config, fmt.Sprintf("page_size: %d  # the source gives no more at once", least))
	}
	if len(bases) > 0 {
		p.Config = append(p.Config, "aliases: [\""+strings.Join(bases, `", "`)+"\"]  # only if this is the same server")
	}
	if rate := float64(s.client.limiter.Limit()); p.Throttle {
		p.Config = append(p.Config, fmt.Sprintf("requests_per_second: %g", max(1, math.Floor(rate/5))))
	}
}

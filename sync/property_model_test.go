package sync_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// model is the truth: what the source has now, and all that it has had.
type model struct {
	now         time.Time // the source's clock
	seconds     bool      // lastUpdated is truncated to the second
	records     map[string]entry
	deleted     []source.Deletion
	commits     int
	history     map[string][]entry // every state that a record has had, by id
	saved       *model             // the backup, of records and deletions
	beforeClock map[string]entry   // the records before the clock last moved
	rule        bool               // a rule of the tenant hides private records
}

// entry is a record at one moment. Its marker is part of its content, and of no other content ever.
type entry struct {
	id, client string
	by         string // the author; for a role, the person who has it
	plan, goal string
	replaces   string
	into       string // for a merged client, the client it was merged into
	marker     string
	version    int
	updated    time.Time
	hidden     dossier.Reason // why readers must not see it; empty: they may see it
	mark       string         // the member that marks it: security (also if empty), tag, category, or rule
	private    bool           // a rule of the tenant, if there is one, hides it
	bad        unreadablePart
	left       bool // no search finds it
	deceased   bool
	// quiet: it changed without a new version. late: its lastUpdated was in the past when it was
	// committed. Increments need not see either.
	quiet, late bool
}

type unreadablePart string

const (
	badBody     unreadablePart = "body"     // the envelope can be read
	badEnvelope unreadablePart = "envelope" // neither can be read
)

// The types of a model, besides those of each fakeSource.
var (
	relatedPersons = source.Type{Stream: dossier.StreamContacts, Name: "RelatedPerson", Fingerprint: "f"}
	roles          = source.Type{Stream: dossier.StreamStaff, Name: "PractitionerRole", Fingerprint: "f"}
	questionnaires = source.Type{Stream: dossier.StreamQuestionnaires, Name: "Questionnaire", Fingerprint: "f"}
	dayReports     = source.Type{Stream: dossier.StreamReports, Name: "Observation", Query: "code=dagrapportage",
		Fingerprint: "f"}
	responses = source.Type{Stream: dossier.StreamForms, Name: "QuestionnaireResponse", Fingerprint: "f"}
)

// modelTypes are the types of a model, by the first letter of their records' ids.
var modelTypes = map[byte]source.Type{'c': patients, 'k': relatedPersons, 'n': practitioners, 'o': roles,
	'q': questionnaires, 'g': goals, 'p': carePlans, 'r': dayReports, 'f': responses}

func typeOf(id string) source.Type { return modelTypes[id[0]] }

func refOf(id string) dossier.Ref {
	if id == "" {
		return dossier.Ref{}
	}
	return dossier.Ref{Type: typeOf(id).Name, ID: id}
}

// isOfClients reports whether records with such an id belong to a client.
func isOfClients(id string) bool { return slices.Contains([]byte("kgprf"), id[0]) }

func newModel() *model {
	return &model{now: at(12 * 60), records: make(map[string]entry), history: make(map[string][]entry)}
}

// commit stores a new version of a record, with a lastUpdated that is late in the past.
func (m *model) commit(e entry, late time.Duration) {
	m.commits++
	e.version = m.records[e.id].version + 1
	e.updated, e.late, e.quiet = m.now.Add(-late), late > 0, false
	if m.seconds {
		e.updated = e.updated.Truncate(time.Second)
	}
	quiet := e.quiet
	e = m.ruled(e)
	e.quiet = quiet
	m.put(e)
}

// write is commit with new content.
func (m *model) write(e entry, late time.Duration) {
	e.marker = fmt.Sprintf("%s#%d", e.id, m.commits+1)
	m.commit(e, late)
}

// correct changes a record, quietly or in a new version.
func (m *model) correct(e entry, quietly bool) {
	if !quietly {
		m.commit(e, 0)
		return
	}
	e = m.ruled(e)
	e.quiet = true
	m.put(e)
}

func (m *model) put(e entry) {
	m.records[e.id] = e
	m.history[e.id] = append(m.history[e.id], e)
}

// setRule puts the tenant's rule in force, or ends it.
func (m *model) setRule(inForce bool) {
	m.rule = inForce
	for _, id := range slices.Sorted(maps.Keys(m.records)) {
		m.put(m.ruled(m.records[id]))
	}
}

// ruled returns the record as the tenant's rule leaves it.
func (m *model) ruled(e entry) entry {
	switch {
	case m.rule && e.private && e.hidden == "":
		e.hidden, e.mark, e.quiet = dossier.HiddenMarked, "rule", true
	case !m.rule && e.isMarkedBy("rule"):
		e.hidden, e.mark, e.quiet = "", "", true
	}
	return e
}

// noteUnmarked notes that the source has shown a record without its mark: its content may be
// shown now.
func (m *model) noteUnmarked(e entry) {
	e.hidden = ""
	if !slices.Contains(m.history[e.id], e) {
		m.history[e.id] = append(m.history[e.id], e)
	}
}

// remove deletes a record; told: the deletions feed reports it.
func (m *model) remove(id string, told bool) {
	if _, ok := m.records[id]; !ok {
		return
	}
	delete(m.records, id)
	if told {
		m.deleted = append(m.deleted, source.Deletion{Ref: refOf(id), At: m.now})
	}
}

// advance moves the clock on, or back.
func (m *model) advance(d time.Duration) {
	m.beforeClock = maps.Clone(m.records)
	m.now = m.now.Add(d)
}

func (m *model) backup() {
	m.saved = &model{records: maps.Clone(m.records), deleted: slices.Clone(m.deleted)}
}

// restore puts the source back to its backup, but not its clock.
func (m *model) restore() {
	if m.saved != nil {
		m.records, m.deleted = maps.Clone(m.saved.records), slices.Clone(m.saved.deleted)
		m.setRule(m.rule)
	}
}

// newest returns the latest moment of the clock and of all records.
func (m *model) newest() time.Time {
	newest := m.now
	for _, e := range m.records {
		if e.updated.After(newest) {
			newest = e.updated
		}
	}
	return newest
}

// isBad reports whether the record ends in quarantine. A body is not decoded if the envelope hides
// the record.
func (e entry) isBad() bool { return e.bad == badEnvelope || e.bad == badBody && e.hidden == "" }

// isMarkedBy reports whether the member marks the record as not to be shown.
func (e entry) isMarkedBy(member string) bool {
	return e.hidden == dossier.HiddenMarked && cmp.Or(e.mark, "security") == member
}

func (e entry) item() dossier.Item {
	t := typeOf(e.id)
	it := dossier.Item{Ref: refOf(e.id), Stream: t.Stream, Client: e.client, State: dossier.StateShown,
		Reason:  e.hidden,
		Version: fmt.Sprint(e.version), Updated: e.updated}
	it.Hash = dossier.IdentityHash(e.marker, fmt.Sprint(e.by, e.plan, e.goal, e.replaces, e.into, e.deceased))
	switch {
	case e.isBad():
		it.State, it.Reason, it.EnvelopeRead, it.Raw = dossier.StateQuarantined, dossier.BadBody, e.bad == badBody,
			[]byte("{")
		if e.bad == badEnvelope {
			it.Client, it.Reason = "", dossier.BadEnvelope
		}
	case e.hidden == dossier.HiddenMerged:
		it.State, it.Content = dossier.StateHidden, &dossier.Client{ReplacedBy: e.into}
	case e.hidden == dossier.WithdrawnInError:
		it.State = dossier.StateWithdrawn
	case e.hidden != "":
		it.State = dossier.StateHidden
	default:
		it.Content = e.content()
	}
	if it.State == dossier.StateHidden && it.Reason == dossier.HiddenEmpty {
		it.Missing = dossier.MissingContent
	}
	return it
}

// envelope returns the item as a search for envelopes gives it: a state that only the content shows
// is not seen.
func envelope(it dossier.Item) dossier.Item {
	it.Content = nil
	if it.EnvelopeRead || it.Reason == dossier.HiddenEmpty {
		it.State, it.Reason, it.Missing, it.Raw, it.EnvelopeRead = dossier.StateShown, "", "", nil, false
	}
	return it
}

func (e entry) content() dossier.Content {
	midnight := dossier.Moment{Time: at(0), Precision: dossier.PrecisionSecond}
	var authors []dossier.Party
	if e.by != "" {
		authors = []dossier.Party{{Ref: refOf(e.by)}}
	}
	switch e.id[0] {
	case 'c':
		return &dossier.Client{Name: e.marker, Deceased: e.deceased}
	case 'k':
		return &dossier.Contact{Name: e.marker, Relationship: "dochter", Active: true}
	case 'n':
		return &dossier.Staff{What: dossier.StaffPerson, Name: e.marker, Role: "verpleegkundige"}
	case 'o':
		return &dossier.Staff{What: dossier.StaffRole, Role: e.marker, Person: refOf(e.by)}
	case 'q':
		return &dossier.Questionnaire{Title: e.marker, Items: []dossier.Question{{LinkID: "1", Text: e.marker}}}
	case 'g':
		g := &dossier.Goal{Description: e.marker, Status: "active"}
		if e.by != "" {
			g.Notes = []dossier.Note{{Author: authors[0], Text: "gaat goed"}}
		}
		return g
	case 'p':
		return &dossier.CarePlan{Title: e.marker, Open: true, Author: authors, Goals: some(refOf(e.goal)),
			Replaces: some(refOf(e.replaces))}
	case 'r':
		return &dossier.Report{At: midnight, Text: e.marker, Category: dossier.CategoryGeneral, Authors: authors,
			Plan: refOf(e.plan), Goal: refOf(e.goal), Replaces: some(refOf(e.replaces))}
	case 'f':
		return &dossier.Form{At: midnight, Authors: authors, Questionnaire: refOf(e.plan),
			Items: []dossier.FormItem{{LinkID: "1", Answers: []dossier.Answer{{Display: e.marker}}}}}
	}
	return nil
}

// some returns a list of the reference, or nil for none.
func some(ref dossier.Ref) []dossier.Ref {
	if ref.IsZero() {
		return nil
	}
	return []dossier.Ref{ref}
}

// findShown returns a state in which the content with the marker could be shown and that matches.
func (m *model) findShown(marker string, match func(entry) bool) (entry, bool) {
	for i := len(marker) - 1; i >= 0; i-- {
		if marker[i] != '#' {
			continue
		}
		for _, e := range slices.Backward(m.history[marker[:i]]) {
			if e.marker == marker && e.hidden == "" && e.bad == "" && match(e) {
				return e, true
			}
		}
	}
	return entry{}, false
}

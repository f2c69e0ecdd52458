package sync_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// world is the truth of a play: what the source has now, and all that it ever had.
type world struct {
	now     time.Time // the source's clock
	seconds bool      // lastUpdated tells no more than the second
	records map[string]entry
	deleted []source.Deletion
	commits int
	history map[string][]entry // all that a record has been, by id
	kept    *world             // the backup: records and deletions
	moved   map[string]entry   // the records as they were when the clock last moved
}

// entry is one record as it is at one moment. Its marker is in its content, and in
// nothing else that ever was.
type entry struct {
	id, client string
	by         string // who wrote it; of a role: who has it
	plan, goal string
	replaces   string
	into       string // of a merged client: into whom
	marker     string
	version    int
	updated    time.Time
	hidden     dossier.Reason // why readers must not see it; empty: they may
	bad        badness
	left       bool // no search finds it any more
	deceased   bool
	// quiet says that it changed after its version was made, and late that the
	// version came with a lastUpdated of the past: increments need not see them.
	quiet, late bool
}

type badness string

const (
	badBody     badness = "body"     // the envelope can be read
	badEnvelope badness = "envelope" // nor can that
)

// The types that a world has beside those of every fake.
var (
	relatedPersons = source.Type{Stream: dossier.StreamContacts, Name: "RelatedPerson", Fingerprint: "f"}
	roles          = source.Type{Stream: dossier.StreamStaff, Name: "PractitionerRole", Fingerprint: "f"}
	questionnaires = source.Type{Stream: dossier.StreamQuestionnaires, Name: "Questionnaire", Fingerprint: "f"}
	dayReports     = source.Type{Stream: dossier.StreamReports, Name: "Observation", Query: "code=dagrapportage", Fingerprint: "f"}
	responses      = source.Type{Stream: dossier.StreamForms, Name: "QuestionnaireResponse", Fingerprint: "f"}
)

// worldTypes are the types of a world, by the first letter of its records' ids.
var worldTypes = map[byte]source.Type{'c': patients, 'k': relatedPersons, 'n': practitioners, 'o': roles,
	'q': questionnaires, 'g': goals, 'p': carePlans, 'r': dayReports, 'f': responses}

func typeOf(id string) source.Type { return worldTypes[id[0]] }

func refOf(id string) dossier.Ref {
	if id == "" {
		return dossier.Ref{}
	}
	return dossier.Ref{Type: typeOf(id).Name, ID: id}
}

// isOfClients reports whether the record belongs to a client.
func isOfClients(id string) bool { return slices.Contains([]byte("kgprf"), id[0]) }

func newWorld() *world {
	return &world{now: at(12 * 60), records: make(map[string]entry), history: make(map[string][]entry)}
}

// commit stores a new version of a record, as late as that.
func (w *world) commit(e entry, late time.Duration) {
	w.commits++
	e.version = w.records[e.id].version + 1
	e.updated, e.late, e.quiet = w.now.Add(-late), late > 0, false
	if w.seconds {
		e.updated = e.updated.Truncate(time.Second)
	}
	w.put(e)
}

// write is commit with new content.
func (w *world) write(e entry, late time.Duration) {
	e.marker = fmt.Sprintf("%s#%d", e.id, w.commits+1)
	w.commit(e, late)
}

// correct changes a record, quietly or in a new version.
func (w *world) correct(e entry, quietly bool) {
	if !quietly {
		w.commit(e, 0)
		return
	}
	e.quiet = true
	w.put(e)
}

func (w *world) put(e entry) {
	w.records[e.id] = e
	w.history[e.id] = append(w.history[e.id], e)
}

// drop removes a record; the source tells of it as of a time if told.
func (w *world) drop(id string, told bool) {
	if _, ok := w.records[id]; !ok {
		return
	}
	delete(w.records, id)
	if told {
		w.deleted = append(w.deleted, source.Deletion{Ref: refOf(id), At: w.now})
	}
}

// pass lets the clock go on, or back.
func (w *world) pass(d time.Duration) {
	w.moved = maps.Clone(w.records)
	w.now = w.now.Add(d)
}

func (w *world) backup() {
	w.kept = &world{records: maps.Clone(w.records), deleted: slices.Clone(w.deleted)}
}

// restore puts the source back to its backup. Its clock goes on.
func (w *world) restore() {
	if w.kept != nil {
		w.records, w.deleted = maps.Clone(w.kept.records), slices.Clone(w.kept.deleted)
	}
}

// newest returns the last moment that the source knows of.
func (w *world) newest() time.Time {
	newest := w.now
	for _, e := range w.records {
		if e.updated.After(newest) {
			newest = e.updated
		}
	}
	return newest
}

// items returns records as the source's searches and reads give them.
func items(records map[string]entry, search bool) []dossier.Item {
	var list []dossier.Item
	for _, id := range slices.Sorted(maps.Keys(records)) {
		if e := records[id]; !search || !e.left {
			list = append(list, e.item())
		}
	}
	return list
}

// isBad reports whether the record cannot be read, as far as that matters: the
// content of one whose envelope hides it is not looked at.
func (e entry) isBad() bool { return e.bad == badEnvelope || e.bad == badBody && e.hidden == "" }

func (e entry) item() dossier.Item {
	t := typeOf(e.id)
	it := dossier.Item{Ref: refOf(e.id), Stream: t.Stream, Client: e.client, State: dossier.StateShown, Reason: e.hidden,
		Version: fmt.Sprint(e.version), Updated: e.updated}
	it.Hash = dossier.IdentityHash(e.marker, fmt.Sprint(e.by, e.plan, e.goal, e.replaces, e.into, e.deceased))
	switch {
	case e.isBad():
		it.State, it.Reason, it.EnvelopeRead, it.Raw = dossier.StateQuarantined, dossier.BadBody, e.bad == badBody, []byte("{")
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
	return it
}

// envelope is the item as it looks where its content is left out: what only the
// content tells cannot be seen.
func envelope(it dossier.Item) dossier.Item {
	it.Content = nil
	if it.EnvelopeRead || it.Reason == dossier.HiddenEmpty {
		it.State, it.Reason, it.Raw, it.EnvelopeRead = dossier.StateShown, "", nil, false
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
		return &dossier.CarePlan{Title: e.marker, Open: true, Author: authors, Goals: some(refOf(e.goal)), Replaces: some(refOf(e.replaces))}
	case 'r':
		return &dossier.Report{At: midnight, Text: e.marker, Category: dossier.CategoryGeneral, Authors: authors,
			Plan: refOf(e.plan), Goal: refOf(e.goal), Replaces: some(refOf(e.replaces))}
	case 'f':
		return &dossier.Form{At: midnight, Authors: authors, Questionnaire: refOf(e.plan),
			Items: []dossier.FormItem{{LinkID: "1", Answers: []dossier.Answer{{Display: e.marker}}}}}
	}
	return nil
}

// some is a list of the reference, if it names something.
func some(ref dossier.Ref) []dossier.Ref {
	if ref.IsZero() {
		return nil
	}
	return []dossier.Ref{ref}
}

// once returns what the record with that marker was while it could be seen.
func (w *world) once(marker string, match func(entry) bool) (entry, bool) {
	for i := len(marker) - 1; i >= 0; i-- {
		if marker[i] != '#' {
			continue
		}
		for _, e := range slices.Backward(w.history[marker[:i]]) {
			if e.marker == marker && e.hidden == "" && e.bad == "" && match(e) {
				return e, true
			}
		}
	}
	return entry{}, false
}

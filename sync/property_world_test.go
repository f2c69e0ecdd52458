package sync_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"dossiersync/store"
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
	hidden     store.Reason // why readers must not see it; empty: they may
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
	relatedPersons = source.Type{Stream: store.StreamContacts, Name: "RelatedPerson", Fingerprint: "f"}
	roles          = source.Type{Stream: store.StreamStaff, Name: "PractitionerRole", Fingerprint: "f"}
	questionnaires = source.Type{Stream: store.StreamQuestionnaires, Name: "Questionnaire", Fingerprint: "f"}
	dayReports     = source.Type{Stream: store.StreamReports, Name: "Observation", Query: "code=dagrapportage", Fingerprint: "f"}
	responses      = source.Type{Stream: store.StreamForms, Name: "QuestionnaireResponse", Fingerprint: "f"}
)

// worldTypes are the types of a world, by the first letter of its records' ids.
var worldTypes = map[byte]source.Type{'c': patients, 'k': relatedPersons, 'n': practitioners, 'o': roles,
	'q': questionnaires, 'g': goals, 'p': carePlans, 'r': dayReports, 'f': responses}

func typeOf(id string) source.Type { return worldTypes[id[0]] }

func refOf(id string) store.Ref {
	if id == "" {
		return store.Ref{}
	}
	return store.Ref{Type: typeOf(id).Name, ID: id}
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
func items(records map[string]entry, search bool) []store.Item {
	var list []store.Item
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

func (e entry) item() store.Item {
	t := typeOf(e.id)
	it := store.Item{Ref: refOf(e.id), Stream: t.Stream, Client: e.client, State: store.StateShown, Reason: e.hidden,
		Version: fmt.Sprint(e.version), Updated: e.updated}
	it.Hash = store.IdentityHash(e.marker, fmt.Sprint(e.by, e.plan, e.goal, e.replaces, e.into, e.deceased))
	switch {
	case e.isBad():
		it.State, it.Reason, it.EnvelopeRead, it.Raw = store.StateQuarantined, store.BadBody, e.bad == badBody, []byte("{")
		if e.bad == badEnvelope {
			it.Client, it.Reason = "", store.BadEnvelope
		}
	case e.hidden == store.HiddenMerged:
		it.State, it.Content = store.StateHidden, &store.Client{ReplacedBy: e.into}
	case e.hidden == store.WithdrawnInError:
		it.State = store.StateWithdrawn
	case e.hidden != "":
		it.State = store.StateHidden
	default:
		it.Content = e.content()
	}
	return it
}

// envelope is the item as it looks where its content is left out: what only the
// content tells cannot be seen.
func envelope(it store.Item) store.Item {
	it.Content = nil
	if it.EnvelopeRead || it.Reason == store.HiddenEmpty {
		it.State, it.Reason, it.Raw, it.EnvelopeRead = store.StateShown, "", nil, false
	}
	return it
}

func (e entry) content() store.Content {
	midnight := store.Moment{Time: at(0), Precision: store.PrecisionSecond}
	var authors []store.Party
	if e.by != "" {
		authors = []store.Party{{Ref: refOf(e.by)}}
	}
	switch e.id[0] {
	case 'c':
		return &store.Client{Name: e.marker, Deceased: e.deceased}
	case 'k':
		return &store.Contact{Name: e.marker, Relationship: "dochter", Active: true}
	case 'n':
		return &store.Staff{What: store.StaffPerson, Name: e.marker, Role: "verpleegkundige"}
	case 'o':
		return &store.Staff{What: store.StaffRole, Role: e.marker, Person: refOf(e.by)}
	case 'q':
		return &store.Questionnaire{Title: e.marker, Items: []store.Question{{LinkID: "1", Text: e.marker}}}
	case 'g':
		g := &store.Goal{Description: e.marker, Status: "active"}
		if e.by != "" {
			g.Notes = []store.Note{{Author: authors[0], Text: "gaat goed"}}
		}
		return g
	case 'p':
		return &store.CarePlan{Title: e.marker, Open: true, Author: authors, Goals: some(refOf(e.goal)), Replaces: some(refOf(e.replaces))}
	case 'r':
		return &store.Report{At: midnight, Text: e.marker, Category: store.CategoryGeneral, Authors: authors,
			Plan: refOf(e.plan), Goal: refOf(e.goal), Replaces: some(refOf(e.replaces))}
	case 'f':
		return &store.Form{At: midnight, Authors: authors, Questionnaire: refOf(e.plan),
			Items: []store.FormItem{{LinkID: "1", Answers: []store.Answer{{Display: e.marker}}}}}
	}
	return nil
}

// some is a list of the reference, if it names something.
func some(ref store.Ref) []store.Ref {
	if ref.IsZero() {
		return nil
	}
	return []store.Ref{ref}
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

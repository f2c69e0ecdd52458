package dossiers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

// recentItems is the number of reports and forms that may still change.
const recentItems = 300

func remember(ids []string, id string) []string {
	return append(ids[max(0, len(ids)-recentItems+1):], id)
}

// LivingOptions are the options of a Living; all may be zero.
type LivingOptions struct {
	Every    time.Duration    // between two changes; default: a second
	Clock    func() time.Time // the server's; default: time.Now
	OnChange func(Change)     // called after each change; may be nil
	Steps    int              // how many changes there may have been before
}

// Change describes one step of Living.
type Change struct{ What, Type, ID string }

// Living continues dossiers after their history.
type Living struct {
	o        LivingOptions
	dossiers *Dossiers
	server   *simulator.Server
	r        *rand.Rand
	recent   []string // ids of the newest Observations
	forms    []string // ids of the newest QuestionnaireResponses
	steps    int
}

// NewLiving returns a Living for dossiers that the server already holds.
func NewLiving(d *Dossiers, s *simulator.Server, o LivingOptions) *Living {
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Living{
		o: o, dossiers: d, server: s, steps: o.Steps,
		r:      random(d.organisation.Seed, "living", 0),
		recent: slices.Clone(d.recent), forms: slices.Clone(d.forms),
	}
}

// Run makes a change per tick until ctx ends.
func (l *Living) Run(ctx context.Context) error {
	ticker := time.NewTicker(l.o.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		change, err := l.Step()
		if err != nil {
			return fmt.Errorf("go on writing dossiers: %w", err)
		}
		if l.o.OnChange != nil && change != (Change{}) {
			l.o.OnChange(change)
		}
	}
}

// livingChanges are the changes that Step draws from.
var livingChanges = []weighted[func(*Living) (Change, error)]{
	{66, (*Living).report},
	{5, (*Living).lateReport},
	{5, (*Living).preliminary},
	{4, (*Living).document},
	{8, edit("correct report", "final", func(o object) {
		o["status"], o["valueString"] = "corrected", correction(o.text("valueString"))
	})},
	{4, edit("make report final", "preliminary", func(o object) { o["status"] = "final" })},
	{3, edit("withdraw report", "final", func(o object) { o["status"] = "entered-in-error" })},
	{3, edit("hide report", "final", func(o object) { o.meta()["security"] = []coding{notForPatient} })},
	{2, edit("show report", "final", func(o object) { delete(o.meta(), "security") })},
	{2, edit("file report under care plan", "final", func(o object) { o.meta()["tag"] = []coding{carePlanKind} })},
	{2, (*Living).delete},
	{2, (*Living).move},
	{4, (*Living).evaluate},
	{2, (*Living).achieve},
	{4, (*Living).note},
	{4, (*Living).form},
	{3, (*Living).beginForm},
	{3, editForm("complete form", "in-progress", "completed")},
	{1, editForm("amend form", "completed", "amended")},
	{1, editForm("reopen form", "completed", "in-progress")},
	{2, (*Living).agree},
	{1, (*Living).hold},
}

// Step makes one change. If no client is in care it makes none, and returns a zero Change.
func (l *Living) Step() (Change, error) {
	l.steps++
	change, err := draw(l.r, livingChanges)(l)
	if change == (Change{}) && err == nil {
		return l.report() // the change found nothing to change
	}
	return change, err
}

// newWriter returns a writer for a random client in care, or nil.
func (l *Living) newWriter(now time.Time) *writer {
	org := l.dossiers.organisation
	for range 10 * len(org.clients) {
		if c := pick(l.r, org.clients); c.inCare(now) && c.survivor == nil {
			return &writer{
				organisation: org, journal: &journal{now: now.Add(days(1))}, r: l.r, client: c,
				// The history has used the lower numbers.
				documents: 1_000_000 + l.steps, forms: 1_000_000 + l.steps, notes: 1_000_000 + l.steps,
				binaries: 1_000_000 + l.steps,
			}
		}
	}
	return nil
}

func (l *Living) now() time.Time { return l.o.Clock().In(l.dossiers.organisation.zone) }

func (l *Living) report() (Change, error) {
	return l.write("write report", 5*time.Minute, time.Hour, "final")
}

func (l *Living) lateReport() (Change, error) {
	return l.write("write late report", days(1), days(4), "final")
}

func (l *Living) preliminary() (Change, error) {
	return l.write("begin report", time.Minute, 10*time.Minute, "preliminary")
}

// write adds a report about a moment between low and high ago.
func (l *Living) write(what string, low, high time.Duration, status string) (Change, error) {
	now := l.now()
	w := l.newWriter(now)
	if w == nil {
		return Change{}, nil
	}
	at := now.Add(-within(l.r, low, high)).Truncate(time.Second)
	o := w.newReport(at, shiftAt(at))
	o.Status, o.Issued = status, now.Format(instant)
	l.recent = remember(l.recent, o.ID)
	return l.put(what, "Observation", o.ID, o)
}

func (l *Living) put(what, typ, id string, resource any) (Change, error) {
	raw, err := encode(resource)
	if err == nil {
		_, err = l.server.Put(raw)
	}
	return Change{what, typ, id}, err
}

func (l *Living) document() (Change, error) {
	now := l.now()
	w := l.newWriter(now)
	if w == nil {
		return Change{}, nil
	}
	d := w.newDocument(now.Add(-time.Minute), pick(l.r, documentKinds))
	if err := l.putAll(w.writes); err != nil { // its Binary
		return Change{}, err
	}
	return l.put("write document", "DocumentReference", d.ID, d)
}

func (l *Living) putAll(writes []Write) error {
	for _, w := range writes {
		if _, err := l.server.Put(w.Body); err != nil {
			return err
		}
	}
	return nil
}

func shiftAt(t time.Time) shift {
	minute := t.Hour()*60 + t.Minute()
	for _, sh := range shifts {
		if minute <= sh.until {
			return sh
		}
	}
	return shifts[len(shifts)-1]
}

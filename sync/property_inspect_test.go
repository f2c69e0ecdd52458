package sync_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// inspect checks what must hold after every run, however it went; began is what
// the source had when it did.
func (p *play) inspect(run store.Run, scope store.Scope, began map[string]entry) {
	before, after := p.last, takePicture(p)
	p.last = after
	for id, c := range after.clients {
		if c.Change <= before.clients[id].Change && before.dossier(id) != after.dossier(id) {
			p.failf("the dossier of %s looks different, and its change number is as it was:\n%s\nbefore:\n%s",
				id, after.dossier(id), before.dossier(id))
		}
	}
	if scope.DryRun && !p.resumed {
		if diff := cmp.Diff(before.visible(), after.visible()); diff != "" {
			p.failf("a dry run changes something: %s", diff)
		}
	}
	p.onlyWhatWas(after)
	p.newerWins(before, after)
	p.brakeHolds(before, after)
	p.cursorsAreTrue(before, after, began, run)
}

// onlyWhatWas checks that readers see nothing that they were never to see, and
// nobody sees anything of somebody else (I6, I7).
func (p *play) onlyWhatWas(pic picture) {
	for id, s := range pic.visible() {
		ok := func(e entry) bool { return e.client == s.Client }
		if _, was := p.world.once(s.Says, ok); !was {
			p.failf("%s is shown as %s, which it never was", id, s)
		}
		if goal, _, _ := strings.Cut(s.Goal, " by "); id[0] == 'p' && goal != "" {
			if _, was := p.world.once(goal, ok); !was {
				p.failf("%s is shown with a goal that is not the client's: %s", id, s)
			}
		}
		if owner := pic.clients[s.Client]; s.Client != "" && owner.State != string(dossier.StateShown) {
			p.failf("%s is shown, although its client %s is %s", id, s.Client, owner.State)
		}
	}
}

// newerWins checks that nothing is older than it was (I4).
func (p *play) newerWins(before, after picture) {
	for id, was := range before.rows {
		is := after.rows[id]
		if is.Epoch == was.Epoch && was.Updated != nil && (is.Updated == nil || is.Updated.Before(*was.Updated)) {
			p.failf("%s went back from version %s to %s", id, was.Version, is.Version)
		}
	}
}

// brakeHolds checks that no more was removed in a day than may be (I5).
func (p *play) brakeHolds(before, after picture) {
	counts := make(map[string]int64)
	for _, r := range before.rows {
		if r.State == string(dossier.StateShown) {
			counts[r.Stream]++
		}
	}
	for stream, n := range counts {
		p.most[stream] = max(p.most[stream], n+after.removed[stream])
	}
	for stream, n := range after.removed {
		if limit := max(20, int64(p.tenant.MaxRemoved*float64(p.most[stream]))); n > limit && !p.approved {
			p.failf("%d of %s were removed without an operator, at most %d may be", n, stream, limit)
		}
	}
}

// cursorsAreTrue checks that what a cursor has passed in this run is here, as it
// was all through the run (I3), and that no cursor is ahead of the source's clock.
func (p *play) cursorsAreTrue(before, after picture, began map[string]entry, run store.Run) {
	c := p.source.custom
	if c.cached || c.empty || c.shuffled && p.source.fake.manners.noTotals {
		return // it was lied to
	}
	short := make(map[string]bool)
	for _, t := range run.Types {
		short[t.Type] = t.Short
	}
	for id, e := range began {
		upto := after.cursors[typeOf(id).Name]
		if was := before.cursors[typeOf(id).Name]; upto == nil || e.updated.After(*upto) || p.world.records[id] != e || e.left ||
			e.quiet || e.late || short[typeOf(id).Name] || was != nil && (!upto.After(*was) || !e.updated.After(was.Add(-p.tenant.Overlap))) {
			continue
		}
		is, known := after.rows[id]
		switch {
		case after.quarantine[id]:
		case !known:
			p.failf("the cursor is at %s, and %s of %s is not here", clock(*upto), id, clock(e.updated))
		case is.Updated == nil || is.Updated.Before(e.updated):
			p.failf("the cursor is at %s, and %s of %s is as of %s", clock(*upto), id, clock(e.updated), is.Updated)
		case !is.Updated.Equal(e.updated):
		case is.Version != fmt.Sprint(e.version):
			p.failf("the cursor is at %s, and %s is version %s, not %d", clock(*upto), id, is.Version, e.version)
		case is.State == string(dossier.StateShown) && (e.hidden != "" || is.Client != e.client):
			p.failf("%s is shown of %q, although it is %s of %q", id, is.Client, e.hidden, e.client)
		}
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// end stops the faults, has the source be read and compared once, and compares
// the replica with it entirely (I1).
func (p *play) end() {
	p.source.calm = true
	p.pending = nil
	p.manners(p.header)
	p.world.pass(p.world.newest().Sub(p.world.now) + p.tenant.Lag + p.tenant.Overlap + time.Minute)
	for round := 0; ; round++ {
		p.run(parse("finish"))
		epoch := p.last.epoch
		p.text = "the last run"
		p.run(parse("run"))
		if p.last.epoch == epoch {
			p.text = "the last reconcile"
			p.run(parse("reconcile approve"))
		}
		if p.last.epoch == epoch {
			break
		}
		// The source was put back, which has only now come to light: all that
		// follows is asked for.
		if round > 0 {
			p.failf("the source seems to be put back again and again")
		}
	}
	p.compare()
	p.text = "once more"
	change := p.last.change
	p.run(parse("run full"))
	p.compare()
	if p.last.change != change {
		p.failf("reading everything again changes something: change number %d, before %d", p.last.change, change)
	}
}

// compare compares the replica with the source.
func (p *play) compare() {
	pic := p.last
	o := oracle{world: p.world, there: pic.visible(), picture: pic}
	want := o.visible()
	if diff := cmp.Diff(want, o.there); diff != "" {
		p.failf("readers do not see what the source shows (-want +got):\n%s", diff)
	}
	wantClients, gotClients := make(map[string]registered), maps.Clone(pic.clients)
	for id, e := range p.world.records {
		if id[0] != 'c' {
			continue
		}
		r := registered{ID: id, State: string(dossier.StateHidden), Change: pic.clients[id].Change}
		switch s := o.effective(id); {
		case s != nil:
			r.State, r.Name, r.Deceased = string(dossier.StateShown), s.marker, s.deceased
		case e.hidden == dossier.HiddenMerged && !e.isBad():
			r.Into = e.into
		case e.hidden == dossier.WithdrawnInError && !e.isBad():
			r.State = string(dossier.StateWithdrawn)
		case e.isBad():
			r.State, r.Into = pic.clients[id].State, pic.clients[id].Into
		}
		if e.isBad() && pic.clients[id].ID == "" {
			continue
		}
		wantClients[id] = r
	}
	for id, c := range gotClients { // of those who are gone nothing is told
		if _, ok := p.world.records[id]; !ok && c.State != string(dossier.StateShown) {
			delete(gotClients, id)
		}
	}
	if diff := cmp.Diff(wantClients, gotClients); diff != "" {
		p.failf("the register of clients is not the source's (-want +got):\n%s", diff)
	}
	wantContacts, wantBad := make(map[string]string), make(map[string]bool)
	for id, s := range want {
		if id[0] == 'k' {
			wantContacts[id] = s.Client
		}
	}
	if diff := cmp.Diff(wantContacts, pic.contacts); diff != "" {
		p.failf("the register of contacts is not the source's (-want +got):\n%s", diff)
	}
	for id, e := range p.world.records {
		if e.isBad() && !e.left {
			wantBad[id] = true
		}
	}
	gotBad := maps.Clone(pic.quarantine)
	maps.DeleteFunc(gotBad, func(id string, _ bool) bool { return p.world.records[id].left }) // it may be read by its id, or not
	if diff := cmp.Diff(wantBad, gotBad); diff != "" {
		p.failf("in quarantine is not what is bad (-want +got):\n%s", diff)
	}
	if pic.outstanding != "" || len(pic.owed) > 0 {
		p.failf("left undone: %s, history of %v", pic.outstanding, pic.owed)
	}
	o.references(p)
}

// oracle says what the source would show.
type oracle struct {
	world   *world
	there   map[string]shown // what is here
	picture picture
}

// valid returns what readers would see of the record, were it not replaced; nil:
// nothing. Of one whose newest version cannot be read they may see an older one,
// as long as the envelope says that it is to be shown for the same client.
func (o oracle) valid(id string) *entry {
	e, ok := o.world.records[id]
	if !ok || e.hidden != "" || e.left || e.bad == badEnvelope {
		return nil
	}
	if isOfClients(id) && o.valid(e.client) == nil {
		return nil
	}
	if e.bad == "" {
		return &e
	}
	is, here := o.there[id]
	if !here {
		return nil
	}
	if was, ok := o.world.once(is.Says, func(was entry) bool { return was.client == e.client }); ok {
		return &was
	}
	return nil
}

// effective is valid of a record that is not replaced.
func (o oracle) effective(id string) *entry {
	e := o.valid(id)
	if e == nil || id[0] == 'r' && o.isReplaced(*e) {
		return nil
	}
	return e
}

func (o oracle) isReplaced(e entry) bool {
	for id := range o.world.records {
		if id == e.id || id[0] != e.id[0] {
			continue
		}
		if by := o.valid(id); by != nil && by.replaces == e.id && by.client == e.client {
			return true
		}
	}
	return false
}

func (o oracle) visible() map[string]shown {
	seen := make(map[string]shown)
	for id := range o.world.records {
		if e := o.effective(id); e != nil {
			seen[id] = o.shown(*e)
		}
	}
	return seen
}

func (o oracle) shown(e entry) shown {
	s := shown{Client: e.client, Says: e.marker}
	switch e.id[0] {
	case 'o':
		s.Author = o.name(e.by)
	case 'g':
		s.Author = o.name(e.by)
	case 'r':
		s.Author, s.Plan, s.Goal = o.author(e.by), e.plan, e.goal
	case 'f':
		s.Author, s.Label = o.author(e.by), "Vraag niet beschikbaar"
		if q := o.found(e.plan); q != nil {
			s.Label = q.marker
		}
	case 'p':
		s.Author, s.Open = o.author(e.by), fmt.Sprint(!o.isReplaced(e))
		if g := o.found(e.goal); g != nil && g.client == e.client {
			s.Goal = g.marker
			if g.by != "" {
				s.Goal += " by " + o.name(g.by)
			}
		}
	}
	return s
}

// found is effective of a record that is named, perhaps.
func (o oracle) found(id string) *entry {
	if id == "" {
		return nil
	}
	return o.effective(id)
}

// name is what a nurse is called.
func (o oracle) name(id string) string {
	e := o.found(id)
	switch {
	case e == nil:
		return ""
	case id[0] == 'o':
		return o.name(e.by)
	}
	return e.marker
}

// author is the name and role by which readers know who wrote something.
func (o oracle) author(id string) string {
	e := o.found(id)
	switch {
	case e == nil:
		return ""
	case id[0] == 'o':
		return o.name(e.by) + "|" + e.marker
	}
	return e.marker + "|verpleegkundige"
}

// references checks that it is known who is rendered from whom.
func (o oracle) references(p *play) {
	want := make(map[string][]string)
	for id := range o.world.records {
		e := o.effective(id)
		if e == nil {
			continue
		}
		for _, ref := range e.content().Refs() {
			want[id] = append(want[id], dossier.Key(tenant, ref))
		}
		slices.Sort(want[id])
		want[id] = slices.Compact(want[id])
	}
	got := maps.Clone(o.picture.refs)
	for id := range got {
		got[id] = slices.Sorted(slices.Values(got[id]))
	}
	maps.DeleteFunc(want, func(_ string, keys []string) bool { return len(keys) == 0 })
	if diff := cmp.Diff(want, got); diff != "" {
		p.failf("who names whom is not as the source has it (-want +got):\n%s", diff)
	}
}

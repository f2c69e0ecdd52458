package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Batch is what a page, or a part of one, brought.
type Batch struct {
	Claim   Claim
	Type    TypeID
	Items   []Item
	Drained *Drained // not nil: these items are the last of a window
	// Requests is how many requests to the source brought them, for the run's
	// record.
	Requests int64
}

// Applied says what a batch has led to. Counts are of items that the run had
// not counted before, or not like that.
type Applied struct {
	Effects   Effects
	Cancelled bool // an operator asked to stop the run
}

// Apply stores the items in one transaction, which also does the accounting and,
// with the last batch of a window, moves the cursor. An older version never
// replaces a newer one, what is unchanged is not written, and applying a batch
// again changes nothing.
//
// It fails with [ErrFenced] when the claim was lost, having written nothing. A
// value that PostgreSQL refuses costs the item that holds it, which is
// quarantined, and no other.
func (s *Store) Apply(ctx context.Context, b Batch, r Renderer) (Applied, error) {
	b.Items = latest(b.Items)
	for i := range b.Items {
		b.Items[i].normalize()
	}
	return s.applyOrSplit(ctx, b, r)
}

func (s *Store) applyOrSplit(ctx context.Context, b Batch, r Renderer) (Applied, error) {
	var applied Applied
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		a := &application{tx: tx, batch: b, render: r}
		if err := a.run(ctx); err != nil {
			return err
		}
		applied = Applied{Effects: a.counted, Cancelled: a.cancelled}
		if b.Claim.Run.Scope.DryRun {
			return a.keepAccountingOnly(ctx)
		}
		return nil
	})
	if err == nil {
		return applied, nil
	}
	if !isDataError(err) || len(b.Items) == 0 {
		return Applied{}, fmt.Errorf("apply %d items of %s: %w", len(b.Items), b.Type.Type, err)
	}
	if len(b.Items) == 1 {
		if !b.Items[0].refuse() {
			return Applied{}, fmt.Errorf("apply an item of %s that has nothing left to refuse: %w", b.Type.Type, err)
		}
		return s.applyOrSplit(ctx, b, r)
	}
	first, second := b, b
	half := len(b.Items) / 2
	first.Items, first.Drained = b.Items[:half], nil
	second.Items = b.Items[half:]
	second.Requests = 0
	one, err := s.applyOrSplit(ctx, first, r)
	if err != nil {
		return Applied{}, err
	}
	two, err := s.applyOrSplit(ctx, second, r)
	if err != nil {
		return Applied{}, err
	}
	one.Effects.Add(two.Effects)
	one.Cancelled = one.Cancelled || two.Cancelled
	return one, nil
}

// latest drops all but the newest observation of each record; the later one of
// equally new ones, and one that could not be read rather than one that could,
// where they do not say which is newer. The order of what remains does not
// matter.
func latest(items []Item) []Item {
	seen := make(map[Ref]int, len(items))
	kept := make([]Item, 0, len(items))
	for _, it := range items {
		if it.ID == "" {
			kept = append(kept, it)
			continue
		}
		i, again := seen[it.Ref]
		if !again {
			seen[it.Ref] = len(kept)
			kept = append(kept, it)
			continue
		}
		have := &kept[i]
		undated := it.Updated.IsZero() || have.Updated.IsZero()
		if undated && have.State == StateQuarantined || !undated && it.Updated.Before(have.Updated) {
			continue
		}
		*have = it
	}
	return kept
}

// normalize makes it comparable with what PostgreSQL gives back.
func (it *Item) normalize() {
	it.Updated = it.Updated.Truncate(time.Microsecond)
	if it.Stream == StreamClients {
		it.Client = it.ID
	}
}

// refuse puts an item into quarantine since PostgreSQL refuses a value in it;
// the second time without the values that came from its envelope. It reports
// whether that left anything out.
func (it *Item) refuse() bool {
	const detail = "PostgreSQL refuses a value in it"
	if it.State == StateQuarantined && it.Reason == NotStorable {
		had := it.Version != "" || it.Client != ""
		it.Version, it.Client, it.EnvelopeRead = "", "", false
		return had
	}
	it.quarantine(NotStorable, detail)
	return true
}

// quarantine turns the item into one that could not be applied. The last good
// version may stay only if this one was to be shown too.
func (it *Item) quarantine(reason Reason, detail string) {
	if it.State != StateQuarantined {
		it.EnvelopeRead = it.State == StateShown
	}
	it.State, it.Reason, it.Detail, it.Content = StateQuarantined, reason, detail, nil
}

// key returns the item's key. Records without an id have one of their own kind,
// so that each bad record is counted once.
func (it *Item) key(tenant string) string {
	if it.ID == "" {
		return "?" + Key(tenant, Ref{Type: it.Type, ID: string(it.Raw)})
	}
	return Key(tenant, it.Ref)
}

// application is one batch being applied in one transaction.
type application struct {
	tx     pgx.Tx
	batch  Batch
	render Renderer

	epoch      int32
	cancelled  bool
	keys       []string            // of batch.Items, in their order
	old        map[string]stored   // by key
	shown      map[string]*Shown   // what the items name, by key
	clients    map[string]State    // by id; absent: unknown
	before     map[string]Effect   // what this run has counted for a key
	replacedBy map[string]string   // whose item replaces a key
	effects    Effects             // of the run's type, with this batch
	counted    Effects             // what this batch adds to them
	changed    map[string]struct{} // clients whose dossiers look different now
	out        writes
}

// stored is what is known of an item before the batch.
type stored struct {
	key     string
	state   State
	reason  Reason
	client  string
	epoch   int32
	version string
	updated time.Time
	hash    Hash
	stream  Stream
	card    []byte // of what others are rendered from
	body    []byte
	model   []byte
}

func (a *application) tenant() string { return a.batch.Claim.Run.Tenant }

func (a *application) run(ctx context.Context) error {
	a.changed = make(map[string]struct{})
	a.counted = make(Effects)
	if err := a.read(ctx); err != nil {
		return err
	}
	// What the batch itself replaces counts as replaced from the start.
	for i := range a.batch.Items {
		var r replacements
		r.add(a.tenant(), a.keys[i], &a.batch.Items[i])
		for j, target := range r.targets {
			a.replacedBy[target] = r.clients[j]
		}
	}
	for i := range a.batch.Items {
		a.take(i)
	}
	if a.batch.Claim.Run.Scope.DryRun {
		return nil
	}
	return a.write(ctx)
}

// take decides what becomes of the i-th item. It works on a copy: if another
// item of the batch is refused, this one is taken again.
func (a *application) take(i int) {
	it, key := a.batch.Items[i], a.keys[i]
	var old *stored
	if o, ok := a.old[key]; ok {
		old = &o
	}
	a.hideWithClient(&it)
	a.standAside(&it, key)
	r, err := a.rendered(&it, old)
	if err != nil {
		it.quarantine(NotStorable, "the program cannot show it: "+err.Error())
	}
	v := judge(&it, old, a.epoch)
	a.count(key, v.effect)
	if v.quarantine {
		a.out.quarantine(key, &it)
	} else if it.ID != "" && v.effect != EffectSuperseded {
		a.out.clear(key, &it)
	}
	switch {
	case v.withhold:
		hidden := it
		hidden.State, hidden.Reason = StateHidden, HiddenQuarantined
		if hidden.Updated.IsZero() {
			hidden.Updated = old.updated // what is older stays older
		}
		a.put(&hidden, key, old, Rendered{})
	case v.write:
		a.put(&it, key, old, r)
	case v.touch:
		a.out.touch(key, &it)
	}
}

// rendered renders an item that is to be shown, unless it is stored as it is.
func (a *application) rendered(it *Item, old *stored) (Rendered, error) {
	if it.State != StateShown || old != nil && old.state == StateShown && old.hash == it.Hash && old.client == it.Client {
		return Rendered{}, nil
	}
	if it.Content == nil {
		return Rendered{}, errors.New("it has no content")
	}
	r, err := a.render.Render(it.Ref, it.Content, a.lookFor(it.Client))
	if err != nil {
		return Rendered{}, err
	}
	if _, err := time.Parse(time.DateOnly, r.Ends); r.Ends != "" && err != nil {
		return Rendered{}, errors.New("its end is no date")
	}
	return r, nil
}

// hideWithClient hides what belongs to a client who is not shown. Nothing of it
// is stored; when the client is shown again, a backfill brings it.
func (a *application) hideWithClient(it *Item) {
	if it.State != StateShown || it.Client == "" || it.Stream == StreamClients {
		return
	}
	switch state, known := a.clients[it.Client]; {
	case !known && a.batch.Claim.Run.Scope.DryRun:
		// A dry run stores no clients: it cannot know.
	case !known:
		it.State, it.Reason, it.Content = StateHidden, HiddenUnknownClient, nil
	case state != StateShown:
		it.State, it.Reason, it.Content = StateHidden, HiddenClientHidden, nil
	}
}

// put stores the item in place of old.
func (a *application) put(it *Item, key string, old *stored, r Rendered) {
	if old != nil {
		a.out.replaced = append(a.out.replaced, key)
	}
	a.out.put(a.tenant(), key, a.epoch, it, r)
	if isTarget(it.Stream) && (old == nil || old.state != it.State || old.client != it.Client ||
		!bytes.Equal(old.card, r.Card) || !bytes.Equal(old.body, r.Body) || !bytes.Equal(old.model, r.Model)) {
		a.out.targets = append(a.out.targets, key)
	}
	wasShown := old != nil && old.state == StateShown
	if it.Client != "" && (it.State == StateShown || wasShown && old.client == it.Client) {
		a.changed[it.Client] = struct{}{}
	}
	if wasShown && old.client != "" {
		a.changed[old.client] = struct{}{}
	}
}

// isTarget reports whether others are rendered from records of the stream.
func isTarget(s Stream) bool {
	switch s {
	case StreamStaff, StreamQuestionnaires, StreamGoals, StreamCarePlans:
		return true
	}
	return false
}

// lookFor returns how an item of client finds what it names. What belongs to
// another client is not to be found (I7).
func (a *application) lookFor(client string) Lookup {
	return lookup(a.tenant(), client, a.shown)
}

func lookup(tenant, client string, shown map[string]*Shown) Lookup {
	return func(ref Ref) *Shown {
		if ref.IsZero() {
			return nil
		}
		s := shown[Key(tenant, ref)]
		if s == nil || s.Client != "" && s.Client != client {
			return nil
		}
		return s
	}
}

// names lists the keys of what the items name.
func (a *application) names() []string {
	var keys []string
	for i := range a.batch.Items {
		if c := a.batch.Items[i].Content; c != nil {
			for _, ref := range c.Refs() {
				keys = append(keys, Key(a.tenant(), ref))
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

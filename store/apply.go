package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Batch is what a page, or a part of one, brought.
type Batch struct {
	Claim   Claim
	Type    TypeID
	Items   []dossier.Item
	Drained *Drained // not nil: these items are the last of a window
	// Direct says that they were read by their ids, just now: what they say is
	// how the source has them.
	Direct bool
	// Known passes over items of which nothing is stored: deletions and removals
	// leave no tombstone of what was never here.
	Known bool
	// Inferred says that nobody stated it: the items were absent, which was
	// confirmed. They are counted apart, towards the brake.
	Inferred bool
	// Requests is how many requests to the source brought them, for the run's
	// record.
	Requests int64
}

// Applied says what a batch has led to. Counts are of items that the run had
// not counted before, or not like that.
type Applied struct {
	Effects   Effects
	Cancelled bool  // an operator asked to stop the run
	Removed   int64 // by inference, counted apart
	// Older lists items of a direct batch that are older than what is stored: the
	// source was put back to an older state.
	Older []dossier.Ref
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
		normalize(&b.Items[i])
	}
	return s.applyOrSplit(ctx, b, r)
}

func (s *Store) applyOrSplit(ctx context.Context, b Batch, r Renderer) (Applied, error) {
	var applied Applied
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		a := &application{tx: tx, batch: b, render: r, sealer: s.sealer}
		if err := a.run(ctx); err != nil {
			return err
		}
		applied = Applied{Effects: a.counted, Cancelled: a.cancelled, Removed: a.removed, Older: a.older}
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
		if !refuse(&b.Items[0]) {
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
	one.Removed += two.Removed
	one.Older = append(one.Older, two.Older...)
	return one, nil
}

// latest drops all but the newest observation of each record; the later one of
// equally new ones, and one that could not be read rather than one that could,
// where they do not say which is newer. The order of what remains does not
// matter.
func latest(items []dossier.Item) []dossier.Item {
	seen := make(map[dossier.Ref]int, len(items))
	kept := make([]dossier.Item, 0, len(items))
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
		if undated && have.State == dossier.StateQuarantined || !undated && it.Updated.Before(have.Updated) {
			continue
		}
		*have = it
	}
	return kept
}

// normalize makes it comparable with what PostgreSQL gives back.
func normalize(it *dossier.Item) {
	it.Updated = it.Updated.Truncate(time.Microsecond)
	if it.Stream == dossier.StreamClients {
		it.Client = it.ID
	}
}

// refuse puts an item into quarantine since PostgreSQL refuses a value in it;
// the second time without the values that came from its envelope. It reports
// whether that left anything out.
func refuse(it *dossier.Item) bool {
	const detail = "PostgreSQL refuses a value in it"
	if it.State == dossier.StateQuarantined && it.Reason == dossier.NotStorable {
		had := it.Version != "" || it.Client != ""
		it.Version, it.Client, it.EnvelopeRead = "", "", false
		return had
	}
	quarantine(it, dossier.NotStorable, detail)
	return true
}

// quarantine turns the item into one that could not be applied. The last good
// version may stay only if this one was to be shown too.
func quarantine(it *dossier.Item, reason dossier.Reason, detail string) {
	if it.State != dossier.StateQuarantined {
		it.EnvelopeRead = it.State == dossier.StateShown
	}
	it.State, it.Reason, it.Detail, it.Content = dossier.StateQuarantined, reason, detail, nil
}

// key returns the item's key. Records without an id have one of their own kind,
// so that each bad record is counted once.
func itemKey(tenant string, it *dossier.Item) string {
	if it.ID == "" {
		return "?" + dossier.Key(tenant, dossier.Ref{Type: it.Type, ID: string(it.Raw)})
	}
	return dossier.Key(tenant, it.Ref)
}

// application is one batch being applied in one transaction.
type application struct {
	tx     pgx.Tx
	batch  Batch
	render Renderer
	sealer *Sealer
	// comparing says that nothing is to be written: the batch is only compared
	// with what is stored.
	comparing bool

	epoch     int32
	upto      *time.Time // where comparing: up to when the type is known to be read
	cancelled bool
	keys      []string                 // of batch.Items, in their order
	old       map[string]stored        // by key
	around    surroundings             // what the items are rendered from
	clients   map[string]dossier.State // by id; absent: unknown
	fresh     []int                    // items of which nothing is stored: decided on while others are written
	erased    map[string]bool          // clients whose dossiers were erased for good
	before    map[string]Effect        // what this run has counted for a key
	displaced map[displaced]struct{}
	effects   Effects // of the run's type, with this batch
	counted   Effects // what this batch adds to them
	removed   int64
	older     []dossier.Ref
	barred    map[string]time.Time // which versions of a direct batch's items are in quarantine
	changed   map[string]struct{}  // clients whose dossiers look different now
	out       writes
}

// stored is what is known of an item before the batch.
type stored struct {
	key     string
	state   dossier.State
	reason  dossier.Reason
	client  string
	epoch   int32
	version string
	updated time.Time
	hash    dossier.Hash
	stream  dossier.Stream
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
			a.displaced[displaced{target, r.clients[j]}] = struct{}{}
		}
	}
	dry := a.batch.Claim.Run.Scope.DryRun
	for i := range a.batch.Items {
		if _, known := a.old[a.keys[i]]; known || dry || a.batch.Known || a.batch.Inferred {
			a.take(i)
		} else {
			a.fresh = append(a.fresh, i)
		}
	}
	if dry {
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
	if it.Client != "" && a.erased[it.Client] {
		a.passOver(&it, key, old)
		return
	}
	if (a.batch.Known || a.batch.Inferred) && old == nil || a.batch.Inferred && old.state != dossier.StateShown {
		return
	}
	if it.State == dossier.StateWithdrawn && old != nil {
		remember(&it, old)
	}
	a.hideWithClient(&it)
	a.standAside(&it, key)
	r, err := a.rendered(&it, old)
	if err != nil {
		quarantine(&it, dossier.NotStorable, "the program cannot show it: "+err.Error())
	}
	v := verdictOn(&it, old, a.epoch)
	switch {
	case a.batch.Inferred:
		a.removed++
	default:
		a.count(key, v.effect)
	}
	bad, isBad := a.barred[key]
	if v.effect == EffectSuperseded || isBad && !it.Updated.IsZero() && it.Updated.Before(bad) {
		a.outdated(&it, key)
	}
	if v.quarantine {
		a.out.quarantine(key, &it)
	} else if it.ID != "" && v.effect != EffectSuperseded {
		a.out.clear(key, &it)
	}
	if it.State == dossier.StateShown && v.effect != EffectSuperseded && !a.batch.Direct {
		a.out.present = append(a.out.present, key)
	}
	switch {
	case v.withhold:
		hidden := it
		hidden.State, hidden.Reason = dossier.StateHidden, dossier.HiddenQuarantined
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

// remember keeps in a tombstone the last that was known of the record, where its
// withdrawal does not say: of whom it was, and which version.
func remember(it *dossier.Item, old *stored) {
	it.Client, it.Version = cmp.Or(it.Client, old.client), cmp.Or(it.Version, old.version)
	if it.Updated.IsZero() {
		it.Updated = old.updated
	}
}

// outdated notes an item that is older than what is stored of it. If it came in
// a list, that may be an old list: it is read again by its id. If it was read by
// its id, the source itself has gone back.
func (a *application) outdated(it *dossier.Item, key string) {
	switch {
	case it.State == dossier.StateWithdrawn && it.Reason == dossier.WithdrawnDeleted:
		// It was made again since.
	case a.batch.Direct:
		a.older = append(a.older, it.Ref)
	default:
		a.out.again = append(a.out.again, reread{key, it})
	}
}

// rendered renders an item that is to be shown, unless it is stored as it is.
func (a *application) rendered(it *dossier.Item, old *stored) (Rendered, error) {
	if it.State != dossier.StateShown || old != nil && old.state == dossier.StateShown && old.hash == it.Hash && old.client == it.Client {
		return Rendered{}, nil
	}
	if it.Content == nil {
		return Rendered{}, errors.New("it has no content")
	}
	r, err := a.render.Render(it.Ref, it.Content, a.around.lookup(it.Client))
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
func (a *application) hideWithClient(it *dossier.Item) {
	if it.State != dossier.StateShown || it.Client == "" || it.Stream == dossier.StreamClients {
		return
	}
	switch state, known := a.clients[it.Client]; {
	case !known && a.batch.Claim.Run.Scope.DryRun:
		// A dry run stores no clients: it cannot know.
	case !known:
		it.State, it.Reason, it.Content = dossier.StateHidden, dossier.HiddenUnknownClient, nil
	case state != dossier.StateShown:
		it.State, it.Reason, it.Content = dossier.StateHidden, dossier.HiddenClientHidden, nil
	}
}

// put stores the item in place of old.
func (a *application) put(it *dossier.Item, key string, old *stored, r Rendered) {
	if old != nil {
		a.out.replaced = append(a.out.replaced, key)
	}
	a.out.put(a.tenant(), key, a.epoch, it, r)
	wasShown := old != nil && old.state == dossier.StateShown
	switch left := wasShown && (it.State != dossier.StateShown || old.client != it.Client); {
	case it.Stream == dossier.StreamCarePlans, it.Stream == dossier.StreamGoals && left:
		a.out.inPlans = append(a.out.inPlans, key)
	case isTarget(it.Stream) && (old == nil || old.state != it.State || old.client != it.Client ||
		!bytes.Equal(old.card, r.Card) || !bytes.Equal(old.body, r.Body) || !bytes.Equal(old.model, r.Model)):
		a.out.targets = append(a.out.targets, key)
	}
	if it.Client != "" && (it.State == dossier.StateShown || wasShown && old.client == it.Client) {
		a.changed[it.Client] = struct{}{}
	}
	if wasShown && old.client != "" {
		a.changed[old.client] = struct{}{}
	}
}

// isTarget reports whether others are rendered from records of the stream; with
// care plans it is otherwise, see [application.renderPlans].
func isTarget(s dossier.Stream) bool {
	switch s {
	case dossier.StreamClients, dossier.StreamContacts, dossier.StreamStaff, dossier.StreamQuestionnaires, dossier.StreamGoals:
		return true
	}
	return false
}

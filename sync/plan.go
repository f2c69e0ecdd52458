package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// errRulesChanged says that this worker maps by other rules than those with
// which the run began.
var errRulesChanged = errors.New("the rules changed while the run was under way")

// prepare learns what the source can do and, in the run's first slice, decides
// what is to be read.
func (r *slice) prepare(ctx context.Context) error {
	st, run := r.syncer.store, r.claim.Run
	var err error
	if r.description, err = r.tenant.Source.Describe(ctx); err != nil {
		return err
	}
	if err := st.SetReachable(ctx, run.Tenant); err != nil {
		return err
	}
	if r.cursors, err = st.Cursors(ctx, run.Tenant); err != nil {
		return err
	}
	if r.types, err = st.RunTypes(ctx, run.ID); err != nil {
		return err
	}
	if len(r.types) == 0 {
		plan, err := r.plan(ctx)
		if err != nil {
			return err
		}
		if err := st.StartRunTypes(ctx, r.claim, plan); err != nil {
			return err
		}
	}
	lost, err := st.EnsureSeen(ctx, r.claim)
	if err != nil {
		return err
	}
	if lost {
		r.log.Warn("the database lost what the run had seen; it begins anew")
	}
	if r.types, err = st.RunTypes(ctx, run.ID); err != nil {
		return err
	}
	for _, t := range r.types {
		r.spent.Add(t.Requests)
	}
	for _, t := range r.types {
		if typ, ok := r.sourceType(t.TypeID); !ok || r.fingerprint(typ) != t.Fingerprint || typ.Hiding != t.Hiding {
			return errRulesChanged
		}
	}
	return nil
}

// fingerprint is of all rules by which items of the type are stored: the source's,
// of mapping, and ours, of rendering.
func (r *slice) fingerprint(t source.Type) string {
	return fmt.Sprintf("%s %x", t.Fingerprint, r.render.Digest)
}

// plan decides for each type from where to where it is read. The end is the
// source's own clock less the safety lag; what that stands for in the database's
// clock is noted beside it, and the two are never compared.
func (r *slice) plan(ctx context.Context) ([]store.RunType, error) {
	st, run := r.syncer.store, r.claim.Run
	now, err := st.Now(ctx)
	if err != nil {
		return nil, err
	}
	sourceNow := r.description.Now
	if sourceNow.IsZero() {
		sourceNow = now
	}
	var plan []store.RunType
	for _, t := range r.description.Types {
		if run.Scope.Stream != "" && run.Scope.Stream != t.Stream {
			continue
		}
		if run.Scope.Client != "" && t.Stream != dossier.StreamClients && !t.Stream.OfClients() {
			continue
		}
		rt := store.RunType{
			TypeID:      store.TypeID{Stream: t.Stream, Type: t.Name, Query: t.Query},
			To:          sourceNow.Add(-r.tenant.Lag),
			AsOf:        now.Add(-r.tenant.Lag),
			Fingerprint: r.fingerprint(t),
			Hiding:      t.Hiding,
			Done:        run.Scope.Only != "", // its windows are not read
		}
		rt.From = r.from(r.cursors[rt.TypeID], rt)
		if !run.Scope.To.IsZero() && run.Scope.To.Before(rt.To) {
			rt.To = run.Scope.To
		}
		plan = append(plan, rt)
	}
	if len(plan) == 0 {
		return nil, &source.Failure{Kind: source.Unsupported, Act: "plan the run", Err: errors.New("the source has none of the types asked for")}
	}
	return plan, nil
}

// from returns where reading t begins; nil: at the beginning.
func (r *slice) from(c store.Cursor, t store.RunType) *time.Time {
	scope := r.claim.Run.Scope
	switch {
	case !scope.From.IsZero():
		return &scope.From
	case scope.Full, scope.Client != "", c.Upto == nil:
		return nil
	case c.Fingerprint != t.Fingerprint, c.Hiding != t.Hiding:
		return nil // the rules have changed: everything is to be mapped again
	}
	// The source's clock may have been put back since.
	from := *c.Upto
	if t.To.Before(from) {
		from = t.To
	}
	from = from.Add(-r.tenant.Overlap)
	return &from
}

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

// errRulesChanged reports that this worker maps by other rules than those the run began with.
var errRulesChanged = errors.New("the rules changed while the run was under way")

// prepare asks the source what it can do, and loads what the run has read so far. In the run's
// first slice it plans what is to be read.
func (s *slice) prepare(ctx context.Context) error {
	st, run := s.syncer.store, s.claim.Run
	var err error
	if s.description, err = s.tenant.Source.Describe(ctx); err != nil {
		return err
	}
	if s.cursors, err = st.Cursors(ctx, run.Tenant); err != nil {
		return err
	}
	if err := s.loadTypes(ctx); err != nil {
		return err
	}
	for _, t := range s.types {
		s.spent.Add(t.Requests)
		typ, ok := s.sourceType(t.TypeID)
		if !ok || s.fingerprint(typ) != t.Fingerprint || typ.Hiding != t.Hiding {
			return errRulesChanged
		}
	}
	return nil
}

// loadTypes loads the run's types and their progress, or plans them if no slice has done so.
func (s *slice) loadTypes(ctx context.Context) (err error) {
	st := s.syncer.store
	if s.claim.Run.Slices > 1 {
		if s.types, err = st.RunTypes(ctx, s.claim.Run.ID); err != nil {
			return err
		}
	}
	if len(s.types) == 0 {
		if s.types, err = s.plan(); err != nil {
			return err
		}
		return st.StartRunTypes(ctx, s.claim, s.types)
	}
	lost, err := st.EnsureSeen(ctx, s.claim)
	if err != nil || !lost {
		return err
	}
	s.log.Warn("the database lost what the run had seen; the run begins anew")
	s.types, err = st.RunTypes(ctx, s.claim.Run.ID)
	return err
}

// fingerprint identifies all rules by which items of the type are stored: the source's rules of
// mapping, and our rules of rendering.
func (s *slice) fingerprint(t source.Type) string {
	return fmt.Sprintf("%s %x", t.Fingerprint, s.render.Digest)
}

// plan decides for each type from where to where it is read. The end is the source's own clock less
// the safety lag. The same moment by the database's clock is stored beside it; the two clocks are
// never compared.
func (s *slice) plan() ([]store.RunType, error) {
	scope := s.claim.Run.Scope
	now := s.claim.Now()
	sourceNow := s.description.Now
	if sourceNow.IsZero() {
		sourceNow = now
	}
	var plan []store.RunType
	for _, t := range s.description.Types {
		if scope.Stream != "" && scope.Stream != t.Stream || scope.Client != "" && !isReadByClient(t.Stream) {
			continue
		}
		rt := store.RunType{
			TypeID:      typeID(t),
			To:          sourceNow.Add(-s.tenant.Lag).Truncate(time.Microsecond), // as the database keeps it
			AsOf:        now.Add(-s.tenant.Lag),
			Fingerprint: s.fingerprint(t),
			Hiding:      t.Hiding,
			Named:       t.Named,
			Done:        scope.Only != "", // the run reads no windows
		}
		rt.From = s.from(s.cursors[rt.TypeID], rt)
		if !scope.To.IsZero() && scope.To.Before(rt.To) {
			rt.To = scope.To
		}
		plan = append(plan, rt)
	}
	if len(plan) == 0 {
		return nil, &source.Failure{Kind: source.Unsupported, Act: "plan the run",
			Err: errors.New("the source has none of the types asked for")}
	}
	return plan, nil
}

// isReadByClient reports whether the stream is read when only one client is.
func isReadByClient(stream dossier.Stream) bool {
	return stream == dossier.StreamClients || stream.OfClients()
}

// from returns where reading t begins; nil: at the beginning.
func (s *slice) from(c store.Cursor, t store.RunType) *time.Time {
	scope := s.claim.Run.Scope
	switch {
	case !scope.From.IsZero():
		return &scope.From
	case scope.Full, scope.Client != "", c.Upto == nil:
		return nil
	case c.Fingerprint != t.Fingerprint, c.Hiding != t.Hiding:
		return nil // the rules have changed, so everything is mapped again
	}
	from := *c.Upto
	if t.To.Before(from) { // the source's clock was put back
		from = t.To
	}
	from = from.Add(-s.tenant.Overlap)
	return &from
}

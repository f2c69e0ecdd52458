package sync

import (
	"context"

	"go.uber.org/zap"

	"dossiersync/store/dossier"
)

// unshareBite is how many items one transaction looks at for some that are no
// longer shared.
const unshareBite = 2000

// unshare removes what the organisation no longer shares. The configuration says
// that, and nothing else: what the source does not know, or cannot give today,
// stays.
func (r *slice) unshare(ctx context.Context) (more bool, err error) {
	if !r.claim.Run.Scope.IsWhole() {
		return false, nil
	}
	removed := make(map[dossier.Stream]int64)
	defer func() {
		for stream, n := range removed {
			r.log.Info("items that are no longer shared are removed", zap.String("stream", string(stream)), zap.Int64("items", n))
		}
	}()
	for {
		u, err := r.syncer.store.Unshare(ctx, r.claim, unshareBite)
		if err != nil {
			return false, err
		}
		for stream, n := range u.Items {
			removed[stream] += n
		}
		r.headway()
		switch {
		case !u.More:
			return false, nil
		case r.timeIsUp():
			return true, nil
		}
	}
}

package sync

import (
	"context"
	"errors"

	"dossiersync/sync/source"
)

// concernsAll reports whether the failure is the whole source's, so that asking the source for
// other things is of no use now.
func concernsAll(f *source.Failure) bool {
	switch f.Kind {
	case source.BreakerOpen, source.Throttled, source.WrongVersion:
		return true
	case source.Unreachable:
		return f.Status == 0
	}
	return false
}

// localFailure returns the source's failure in err if it concerns only what was asked for: a type,
// a client or a record. It returns nil if err is another error, or a failure of the whole source.
func localFailure(err error) *source.Failure {
	if f, ok := errors.AsType[*source.Failure](err); ok && !concernsAll(f) {
		return f
	}
	return nil
}

// clientFailure returns the source's failure in err if it concerns one client's records only, so
// that other clients can be read; else nil. A refusal (401, 403) is not one: it may be meant for
// all clients.
func clientFailure(ctx context.Context, err error) *source.Failure {
	if f := localFailure(err); f != nil && f.Kind != source.Unauthorized && ctx.Err() == nil {
		return f
	}
	return nil
}

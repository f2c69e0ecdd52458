package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
)

const (
	maintainEvery = 24 * time.Hour
	// maintainAgain is the pause after a failure.
	maintainAgain = 10 * time.Minute
)

// maintain does the database's upkeep now and every day, until ctx ends: it makes the
// access log's next months, and drops old months and runs. A failure is logged and
// tried again, which stops nothing because months are made well ahead.
func maintain(ctx context.Context, st *store.Store, keepYears int, log *zap.Logger) error {
	for {
		pause := maintainEvery
		if err := maintainOnce(ctx, st, keepYears, log); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			log.Error("database maintenance failed and will be tried again", zap.Error(err))
			pause = maintainAgain
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func maintainOnce(ctx context.Context, st *store.Store, keepYears int, log *zap.Logger) error {
	done, err := st.MaintainLog(ctx, keepYears)
	if len(done.Created)+len(done.Dropped) > 0 {
		log.Info("access log maintained", zap.Strings("created", done.Created), zap.Strings("dropped", done.Dropped))
	}
	if done.Stuck {
		log.Warn("some entries of the access log are in its default partition, because the database's clock was wrong; " +
			"they will not be dropped when they expire")
	}
	if err != nil {
		return err
	}
	forgotten, err := st.ForgetRuns(ctx)
	if forgotten > 0 {
		log.Info("old runs forgotten", zap.Int64("runs", forgotten))
	}
	return err
}

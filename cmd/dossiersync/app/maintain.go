package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
)

const (
	maintainEvery = 24 * time.Hour
	// maintainAgain is how soon what failed is tried again.
	maintainAgain = 10 * time.Minute
)

// maintain keeps the database in shape now and every day, until ctx ends: months
// for the access log ahead, and nothing older than it is to be kept. A failure is
// no reason to stop anything: there are months ahead.
func maintain(ctx context.Context, st *store.Store, keepYears int, log *zap.Logger) error {
	for {
		pause := maintainEvery
		if err := maintainOnce(ctx, st, keepYears, log); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			log.Error("the database could not be kept in shape; it is tried again", zap.Error(err))
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
		log.Warn("some of the access log lies in its default partition and will not be dropped when its time has come: the database's clock has been wrong")
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

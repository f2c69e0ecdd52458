package app

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLog returns a log of JSON lines to w, from level on.
func NewLog(w io.Writer, level zapcore.LevelEnabler) *zap.Logger {
	conf := zap.NewProductionEncoderConfig()
	conf.TimeKey, conf.EncodeTime, conf.EncodeDuration = "time", zapcore.RFC3339TimeEncoder, zapcore.StringDurationEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(conf), zapcore.Lock(zapcore.AddSync(w)), level))
}

// switchLevel switches level to debug and back at each SIGUSR1, until ctx ends.
func switchLevel(ctx context.Context, level zap.AtomicLevel, log *zap.Logger) error {
	usual := level.Level()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	defer signal.Stop(asked)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-asked:
		}
		to := zapcore.DebugLevel
		if level.Level() == to {
			to = usual
		}
		log.Warn("log level changed", zap.Stringer("to", to))
		level.SetLevel(to)
	}
}

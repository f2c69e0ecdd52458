package app

import (
	"context"
	"io"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLog returns a log of JSON lines to w, from level on.
func NewLog(w io.Writer, level zapcore.LevelEnabler) *zap.Logger {
	conf := zap.NewProductionEncoderConfig()
	conf.TimeKey, conf.EncodeTime, conf.EncodeDuration = "time", zapcore.RFC3339TimeEncoder, zapcore.StringDurationEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(conf), zapcore.Lock(zapcore.AddSync(w)), level))
}

// switchLevel switches level to debug and back at each signal, until ctx ends.
func switchLevel(ctx context.Context, level zap.AtomicLevel, log *zap.Logger, signals <-chan os.Signal) error {
	usual := level.Level()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
		}
		to := zapcore.DebugLevel
		if level.Level() == to {
			to = usual
		}
		log.Warn("log level changed", zap.Stringer("to", to))
		level.SetLevel(to)
	}
}

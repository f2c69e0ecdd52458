package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// memory measures the peak of `dossiersync sync` in a first load.
func memory() row {
	return row{name: "B5", what: "peak resident memory of a first load, in MiB", goal: 64, atMost: true,
		measure: func(ctx context.Context, s *setup) (result, error) {
			peak, spread, err := s.leastPeak(ctx, s.many)
			return result{ratio: float64(peak) / (1 << 20), unit: " MiB", noise: spread}, err
		}}
}

// memoryRatio compares the peak with that of a smaller load.
func memoryRatio() row {
	return row{name: "B5", what: "and against that of a quarter of it", goal: 1.1, atMost: true,
		measure: func(ctx context.Context, s *setup) (result, error) {
			some, spreadSome, err := s.leastPeak(ctx, s.some)
			if err != nil {
				return result{}, err
			}
			many, spread, err := s.leastPeak(ctx, s.many)
			return result{ratio: float64(many) / float64(some), noise: max(spread, spreadSome),
				notes: []string{fmt.Sprintf("%d items: %d MiB; %d items: %d MiB", s.some, some>>20, s.many, many>>20)}}, err
		}}
}

// leastPeak returns the smallest peak of several first loads, in bytes, and how far the
// others are from it: when the garbage collector runs depends on the rest of the machine.
// The loads are done once for each number of items.
func (s *setup) leastPeak(ctx context.Context, items int) (int64, float64, error) {
	for len(s.peaks[items]) < s.times {
		peak, err := s.peak(ctx, items)
		if err != nil {
			return 0, 0, err
		}
		s.peaks[items] = append(s.peaks[items], peak)
	}
	least, most := slices.Min(s.peaks[items]), slices.Max(s.peaks[items])
	return least, float64(most-least) / float64(least), nil
}

// peak runs a first load with the program itself, and returns its peak resident memory in
// bytes.
func (s *setup) peak(ctx context.Context, items int) (int64, error) {
	url, err := s.database(ctx, "bench_memory")
	if err != nil {
		return 0, err
	}
	conf := filepath.Join(s.dir, "memory.yaml")
	text := configText(url, s.source(items))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "dossiersync"), "sync", "--config", conf)
	cmd.Stderr = s.stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var peak int64
	for {
		// The mark only rises, so only a rise in the last moment is missed.
		if now := highWater(cmd.Process.Pid); now > 0 {
			peak = now
		}
		select {
		case err := <-ended:
			if code := cmd.ProcessState.ExitCode(); code != 0 && code != 3 {
				return 0, fmt.Errorf("dossiersync sync: %w", err)
			}
			return peak, nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// highWater returns the peak resident memory of a process so far, or 0 if it is unknown.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}

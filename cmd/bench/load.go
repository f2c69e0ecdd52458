package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// A load is the result of sending requests for some seconds.
type load struct {
	took      time.Duration
	answers   int
	unchanged int // answers with 304
	each      []time.Duration
}

func (l load) rate() float64 { return float64(l.answers) / l.took.Seconds() }

// latency returns the time within which that part of the requests was answered.
func (l load) latency(part float64) time.Duration {
	return l.each[int(part*float64(len(l.each)-1))].Round(100 * time.Microsecond)
}

func (l load) latencies() string {
	return fmt.Sprintf("median %s, 99%% within %s", l.latency(0.5), l.latency(0.99))
}

// fastestLoad returns the load with the highest rate, and how far the lowest is from it.
func fastestLoad(all []load) (load, float64) {
	byRate := func(a, b load) int { return cmp.Compare(a.rate(), b.rate()) }
	first, last := slices.MaxFunc(all, byRate), slices.MinFunc(all, byRate)
	return first, (first.rate() - last.rate()) / first.rate()
}

// ask keeps every connection busy with one request after another for the duration. A
// status other than 200 and 304 is an error.
func ask(ctx context.Context, address string, duration time.Duration, next func() string) (load, error) {
	g, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	parts := make([]load, connections)
	for i := range parts {
		g.Go(func() error {
			c, err := dial(ctx, address)
			if err != nil {
				return err
			}
			defer c.close()
			for time.Since(began) < duration && ctx.Err() == nil {
				sent := time.Now()
				a, err := c.ask(next())
				if err != nil {
					return err
				}
				if a.status != 200 && a.status != 304 {
					return fmt.Errorf("answered with %d", a.status)
				}
				parts[i].answers++
				if a.status == 304 {
					parts[i].unchanged++
				}
				parts[i].each = append(parts[i].each, time.Since(sent))
			}
			return nil
		})
	}
	err := g.Wait()
	all := load{took: time.Since(began)}
	for _, p := range parts {
		all.answers += p.answers
		all.unchanged += p.unchanged
		all.each = append(all.each, p.each...)
	}
	slices.Sort(all.each)
	return all, err
}

// A conn is a client that costs as little as possible: its requests are prebuilt, and it
// reads only the status, ETag and length of a response.
type conn struct {
	net.Conn
	in *bufio.Reader
}

// An answer is what a conn reads of a response.
type answer struct {
	status int
	etag   string
}

func dial(ctx context.Context, address string) (*conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 64<<10)}, nil
}

func (c *conn) close() { _ = c.Close() }

// ask sends a request and reads the response, by its length or in chunks (RFC 9112 §6).
func (c *conn) ask(request string) (a answer, err error) {
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return a, err
	}
	if _, err := io.WriteString(c, request); err != nil {
		return a, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if _, err := fmt.Sscanf(string(line), "HTTP/1.1 %d", &a.status); err != nil {
		return a, fmt.Errorf("read a status: %w", err)
	}
	length, chunked := 0, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, value, _ := strings.Cut(text, ": ")
		switch name {
		case "Content-Length":
			length, _ = strconv.Atoi(value)
		case "Transfer-Encoding":
			chunked = true
		case "Etag", "ETag":
			a.etag = value
		}
	}
	for chunked {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
		if err != nil {
			return a, err
		}
		if _, err := c.in.Discard(int(size) + 2); err != nil {
			return a, err
		}
		chunked = size > 0
	}
	_, err = c.in.Discard(length)
	return a, err
}

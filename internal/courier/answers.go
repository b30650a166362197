// SPDX-License-Identifier: MIT

package courier

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"runspan/internal/spool"
)

// answers keeps the last answer's parts that otlptracehttp does not pass on. It is for
// one attempt at a time.
type answers struct {
	next http.RoundTripper
	last answer
}

// answer is what the collector has said to a request.
type answer struct {
	status     int // 0: there was no answer
	retryAfter string
}

// RoundTrip implements http.RoundTripper.
func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := a.next.RoundTrip(r)
	if err == nil {
		a.last = answer{response.StatusCode, response.Header.Get("Retry-After")}
	}
	return response, err
}

// retryable is the OTLP/HTTP specification's list, "Failures".
func (a answer) retryable() bool {
	switch a.status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// pause returns the pause that follows the last one.
func (a answer) pause(last spool.Pause) spool.Pause {
	p := spool.Pause{Failures: last.Failures + 1, Start: time.Now(), Duration: longestPause}
	if p.Failures < 16 {
		p.Duration = min(firstPause<<last.Failures, longestPause)
	}
	// "Now", or a date that has passed, is no leave to hammer.
	if length, ok := retryAfter(a.retryAfter); ok && length > 0 && a.status != 0 {
		p.ByCollector, p.Duration = true, length
	}
	return p
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(header string) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(header, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(spool.LongestPause/time.Second))) * time.Second, true
	} else if errors.Is(err, strconv.ErrRange) {
		return spool.LongestPause, true
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(date), 0), spool.LongestPause), true
	}
	return 0, false
}

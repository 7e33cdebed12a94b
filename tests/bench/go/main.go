// The same two reads by Go, chi and gocql: what store-api is measured beside.
//
// It has the same duties: request id, recovery from panics, deadline, metrics, access log.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"gopkg.in/inf.v0"
)

const columns = "id, name, sku, price, brand, description, category, version, created_at, updated_at"

type product struct {
	ID          gocql.UUID `json:"id"`
	Name        string     `json:"name"`
	Sku         string     `json:"sku"`
	Price       price      `json:"price"`
	Brand       *string    `json:"brand"`
	Description *string    `json:"description"`
	Category    *string    `json:"category"`
	Version     int64      `json:"version"`
	CreatedAt   moment     `json:"created_at"`
	UpdatedAt   moment     `json:"updated_at"`
}

type price struct{ inf.Dec }

func (p *price) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

type moment struct{ time.Time }

func (m moment) MarshalJSON() ([]byte, error) {
	return m.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

func (p *product) targets() []any {
	return []any{
		&p.ID, &p.Name, &p.Sku, &p.Price.Dec, &p.Brand, &p.Description, &p.Category, &p.Version,
		&p.CreatedAt.Time, &p.UpdatedAt.Time,
	}
}

type store struct {
	session *gocql.Session
	byID    string
	newest  string
	bucket  int64
}

func connect(address, keyspace string) (*store, error) {
	cluster := gocql.NewCluster(address)
	cluster.Keyspace = keyspace
	cluster.Consistency = gocql.LocalQuorum
	cluster.Timeout = 2 * time.Second
	cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	session, err := cluster.CreateSession()
	if err != nil {
		return nil, err
	}
	begins := session.Query("SELECT bucket FROM product_buckets WHERE scope = 'all'").Iter()
	var newest, bucket int64
	for begins.Scan(&bucket) {
		newest = max(newest, bucket)
	}
	if err := begins.Close(); err != nil {
		return nil, err
	}
	return &store{
		session: session,
		byID:    "SELECT " + columns + " FROM products WHERE id = ?",
		newest:  "SELECT " + columns + " FROM products_by_time WHERE bucket = ? LIMIT ?",
		bucket:  newest,
	}, nil
}

func (s *store) show(w http.ResponseWriter, r *http.Request) {
	id, err := gocql.ParseUUID(chi.URLParam(r, "id"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	var found product
	err = s.session.Query(s.byID, id).ScanContext(r.Context(), found.targets()...)
	if errors.Is(err, gocql.ErrNotFound) {
		http.NotFound(w, r)
		return
	}
	answer(w, &found, err)
}

func (s *store) page(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 || limit > 100 {
		limit = 50
	}
	found := make([]product, 0, limit)
	rows := s.session.Query(s.newest, s.bucket, limit).IterContext(r.Context())
	for {
		var one product
		if !rows.Scan(one.targets()...) {
			break
		}
		found = append(found, one)
	}
	answer(w, found, rows.Close())
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	// The encoder ends with a line break; the bytes are to be those of the others.
	bytes := bytes.TrimSuffix(body.Bytes(), []byte("\n"))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(bytes)))
	if _, err := w.Write(bytes); err != nil {
		log.Print(err)
	}
}

// observed counts and logs each request.
func observed(durations *prometheus.HistogramVec, lines *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			next.ServeHTTP(wrapped, r)
			took := time.Since(began)
			route, status := chi.RouteContext(r.Context()).RoutePattern(), wrapped.Status()
			durations.WithLabelValues(r.Method, route, strconv.Itoa(status)).Observe(took.Seconds())
			lines.LogAttrs(r.Context(), slog.LevelInfo, "request",
				slog.String("request_id", middleware.GetReqID(r.Context())),
				slog.String("method", r.Method), slog.String("route", route), slog.String("path", r.URL.Path),
				slog.Int("status", status), slog.Int("bytes", wrapped.BytesWritten()),
				slog.Int64("duration_us", took.Microseconds()), slog.String("peer", r.RemoteAddr))
		})
	}
}

func routes(s *store, lines *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	durations := prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: "http_server_request_duration_seconds", Help: "Duration of requests."},
		[]string{"method", "route", "status"})
	registry.MustRegister(durations)
	router := chi.NewRouter()
	router.Use(middleware.RequestID, observed(durations, lines), middleware.Recoverer, middleware.Timeout(8*time.Second))
	router.Get("/products", s.page)
	router.Get("/products/{id}", s.show)
	router.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return router
}

func run() error {
	s, err := connect(os.Getenv("CASSANDRA"), os.Getenv("KEYSPACE"))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("PORT=%d\n", listener.Addr().(*net.TCPAddr).Port)
	file, err := os.OpenFile(os.Getenv("ACCESS_LOG"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	lines := slog.New(slog.NewJSONHandler(file, nil))
	server := &http.Server{Handler: routes(s, lines), ReadHeaderTimeout: 100 * time.Second}
	return server.Serve(listener)
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

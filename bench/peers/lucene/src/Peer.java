import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.lucene.analysis.core.WhitespaceAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.document.NumericDocValuesField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexOptions;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.MultiDocValues;
import org.apache.lucene.index.NumericDocValues;
import org.apache.lucene.index.SerialMergeScheduler;
import org.apache.lucene.index.Term;
import org.apache.lucene.misc.index.BPIndexReorderer;
import org.apache.lucene.misc.index.BPReorderingMergePolicy;
import org.apache.lucene.index.TieredMergePolicy;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.TopDocs;
import org.apache.lucene.search.TopScoreDocCollectorManager;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.MMapDirectory;

/** Lucene behind the protocol of bench/peers/README.md. */
public final class Peer {
  private static final String TEXT = "text";
  private static final String SHARE = "share";

  /** One query of the set. */
  private record Question(Query query, int k, boolean count) {}

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    switch (args[0]) {
      case "build" -> build(Path.of(args[1]), Path.of(args[2]), args.length > 3 && args[3].equals("reorder"), out);
      case "run" -> run(Path.of(args[1]), Path.of(args[2]), out);
      default -> throw new IllegalArgumentException("unknown command " + args[0]);
    }
    out.flush();
  }

  private static void build(Path corpus, Path dir, boolean reorder, PrintStream out) throws IOException {
    long start = System.nanoTime();
    IndexWriterConfig config = new IndexWriterConfig(new WhitespaceAnalyzer());
    config.setRAMBufferSizeMB(256);
    config.setUseCompoundFile(false);
    // One core, as all peers.
    config.setMergeScheduler(new SerialMergeScheduler());
    if (reorder) {
      BPIndexReorderer reorderer = new BPIndexReorderer();
      config.setMergePolicy(new BPReorderingMergePolicy(new TieredMergePolicy(), reorderer));
    }
    FieldType text = new FieldType();
    text.setIndexOptions(IndexOptions.DOCS_AND_FREQS_AND_POSITIONS);
    text.setTokenized(true);
    text.freeze();
    long docs = 0;
    try (Directory directory = new MMapDirectory(dir);
        IndexWriter writer = new IndexWriter(directory, config);
        BufferedReader reader = Files.newBufferedReader(corpus)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine(), docs++) {
        int first = line.indexOf('\t');
        int second = line.indexOf('\t', first + 1);
        Document document = new Document();
        document.add(new NumericDocValuesField("number", Long.parseLong(line.substring(0, first))));
        for (String share : line.substring(first + 1, second).split(" ")) {
          if (!share.isEmpty()) {
            document.add(new StringField(SHARE, share, Field.Store.NO));
          }
        }
        document.add(new Field(TEXT, line.substring(second + 1), text));
        writer.addDocument(document);
      }
      writer.forceMerge(1);
      writer.commit();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    out.printf("{\"docs\": %d, \"seconds\": %.3f, \"bytes\": %d, \"version\": \"%s\"}%n", docs, seconds, size(dir),
        org.apache.lucene.util.Version.LATEST);
  }

  private static long size(Path dir) throws IOException {
    try (Stream<Path> files = Files.list(dir)) {
      return files.mapToLong(file -> file.toFile().length()).sum();
    }
  }

  private static void run(Path dir, Path queries, PrintStream out) throws IOException {
    try (Directory directory = new MMapDirectory(dir);
        DirectoryReader reader = DirectoryReader.open(directory)) {
      IndexSearcher searcher = new IndexSearcher(reader);
      searcher.setSimilarity(new BM25Similarity(1.2f, 0.75f));
      searcher.setQueryCache(null);
      List<Question> questions = new ArrayList<>();
      for (String line : Files.readAllLines(queries)) {
        questions.add(parse(line));
      }
      BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String command = commands.readLine(); command != null; command = commands.readLine()) {
        switch (command) {
          case "pass" -> pass(searcher, questions, out);
          case "check" -> check(searcher, reader, questions, out);
          default -> throw new IllegalArgumentException("unknown command " + command);
        }
        out.flush();
      }
    }
  }

  /** A line is kind, k, count (0 or 1), share (percent or -), terms; between tabs, terms between spaces. */
  private static Question parse(String line) {
    String[] part = line.split("\t");
    String[] terms = part[4].split(" ");
    Query query;
    switch (part[0]) {
      case "term" -> query = new TermQuery(new Term(TEXT, terms[0]));
      case "phrase" -> query = new PhraseQuery(TEXT, terms);
      case "and", "or" -> {
        BooleanClause.Occur occur = part[0].equals("or") ? BooleanClause.Occur.SHOULD : BooleanClause.Occur.MUST;
        BooleanQuery.Builder builder = new BooleanQuery.Builder();
        for (String term : terms) {
          builder.add(new TermQuery(new Term(TEXT, term)), occur);
        }
        query = builder.build();
      }
      default -> throw new IllegalArgumentException("unknown kind " + part[0]);
    }
    if (!part[3].equals("-")) {
      query = new BooleanQuery.Builder()
          .add(query, BooleanClause.Occur.MUST)
          .add(new TermQuery(new Term(SHARE, part[3])), BooleanClause.Occur.FILTER)
          .build();
    }
    return new Question(query, Integer.parseInt(part[1]), part[2].equals("1"));
  }

  /** What a query gives: its hits, and how many documents match if that was asked. */
  private static TopDocs search(IndexSearcher searcher, Question q) throws IOException {
    int threshold = q.count ? Integer.MAX_VALUE : 1;
    return searcher.search(q.query, new TopScoreDocCollectorManager(q.k, null, threshold));
  }

  private static void pass(IndexSearcher searcher, List<Question> questions, PrintStream out) throws IOException {
    StringBuilder line = new StringBuilder();
    for (Question q : questions) {
      long start = System.nanoTime();
      if (q.k == 0) {
        searcher.count(q.query);
      } else {
        search(searcher, q);
      }
      line.append(System.nanoTime() - start).append(' ');
    }
    out.println(line);
  }

  private static void check(IndexSearcher searcher, DirectoryReader reader, List<Question> questions, PrintStream out)
      throws IOException {
    for (Question q : questions) {
      StringBuilder line = new StringBuilder();
      line.append(q.count || q.k == 0 ? searcher.count(q.query) : -1);
      if (q.k > 0) {
        for (ScoreDoc hit : search(searcher, q).scoreDocs) {
          line.append(' ').append(number(reader, hit.doc)).append(':').append(hit.score);
        }
      }
      out.println(line);
    }
    out.println("end");
  }

  private static long number(DirectoryReader reader, int doc) throws IOException {
    NumericDocValues numbers = MultiDocValues.getNumericValues(reader, "number");
    numbers.advanceExact(doc);
    return numbers.longValue();
  }
}

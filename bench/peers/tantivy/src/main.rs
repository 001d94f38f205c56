//! tantivy behind the protocol of bench/peers/README.md.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use tantivy::collector::{Count, TopDocs};
use tantivy::indexer::NoMergePolicy;
use tantivy::query::{BooleanQuery, ConstScoreQuery, Occur, PhraseQuery, Query, TermQuery};
use tantivy::schema::{
    Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{TextAnalyzer, WhitespaceTokenizer};
use tantivy::{Index, ReloadPolicy, Searcher, TantivyDocument, Term};

type Failure = Box<dyn std::error::Error>;

/// One query of the set.
struct Question {
    query: Box<dyn Query>,
    k: usize,
    count: bool,
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("build") => build(Path::new(&args[2]), Path::new(&args[3])),
        Some("run") => run(Path::new(&args[2]), Path::new(&args[3])),
        _ => Err("usage: build CORPUS DIR | run DIR QUERIES".into()),
    }
}

fn schema() -> Schema {
    let mut builder = Schema::builder();
    let words = |option| {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default().set_tokenizer("spaces").set_index_option(option),
        )
    };
    builder.add_text_field("text", words(IndexRecordOption::WithFreqsAndPositions));
    builder.add_text_field("share", words(IndexRecordOption::Basic));
    builder.add_u64_field("number", NumericOptions::default().set_fast());
    builder.build()
}

fn prepare(index: &Index) {
    let spaces = TextAnalyzer::builder(WhitespaceTokenizer::default()).build();
    index.tokenizers().register("spaces", spaces);
}

fn build(corpus: &Path, dir: &Path) -> Result<(), Failure> {
    let start = Instant::now();
    fs::create_dir_all(dir)?;
    let index = Index::create_in_dir(dir, schema())?;
    prepare(&index);
    let schema = index.schema();
    let (text, share, number) =
        (schema.get_field("text")?, schema.get_field("share")?, schema.get_field("number")?);
    let mut writer = index.writer_with_num_threads::<TantivyDocument>(1, 256 << 20)?;
    writer.set_merge_policy(Box::new(NoMergePolicy));
    let mut docs = 0u64;
    for line in BufReader::with_capacity(1 << 20, File::open(corpus)?).lines() {
        let line = line?;
        let mut part = line.splitn(3, '\t');
        let mut document = TantivyDocument::default();
        document.add_u64(number, part.next().ok_or("no number")?.parse()?);
        document.add_text(share, part.next().ok_or("no shares")?);
        document.add_text(text, part.next().ok_or("no text")?);
        writer.add_document(document)?;
        docs += 1;
    }
    writer.commit()?;
    let segments = index.searchable_segment_ids()?;
    if segments.len() > 1 {
        writer.merge(&segments).wait()?;
    }
    writer.garbage_collect_files().wait()?;
    writer.wait_merging_threads()?;
    let mut bytes = 0;
    for file in fs::read_dir(dir)? {
        bytes += file?.metadata()?.len();
    }
    println!(
        "{{\"docs\": {docs}, \"seconds\": {:.3}, \"bytes\": {bytes}, \"version\": \"{}\"}}",
        start.elapsed().as_secs_f64(),
        tantivy::version_string()
    );
    Ok(())
}

fn run(dir: &Path, queries: &Path) -> Result<(), Failure> {
    let index = Index::open_in_dir(dir)?;
    prepare(&index);
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    let searcher = reader.searcher();
    let schema = index.schema();
    let (text, share) = (schema.get_field("text")?, schema.get_field("share")?);
    let questions = BufReader::new(File::open(queries)?)
        .lines()
        .map(|line| parse(&line?, text, share))
        .collect::<Result<Vec<_>, Failure>>()?;
    let mut out = BufWriter::new(io::stdout());
    for command in io::stdin().lock().lines() {
        match command?.as_str() {
            "pass" => pass(&searcher, &questions, &mut out)?,
            "check" => check(&searcher, &questions, &mut out)?,
            other => return Err(format!("unknown command {other}").into()),
        }
        out.flush()?;
    }
    Ok(())
}

/// A line is kind, k, count (0 or 1), share (percent or -), terms; between tabs, terms between spaces.
fn parse(line: &str, text: Field, share: Field) -> Result<Question, Failure> {
    let part: Vec<&str> = line.split('\t').collect();
    let terms: Vec<Term> =
        part[4].split(' ').map(|word| Term::from_field_text(text, word)).collect();
    let term = |t: &Term| -> Box<dyn Query> {
        Box::new(TermQuery::new(t.clone(), IndexRecordOption::WithFreqs))
    };
    let all = |occur: Occur| -> Box<dyn Query> {
        Box::new(BooleanQuery::new(terms.iter().map(|t| (occur, term(t))).collect()))
    };
    let mut query = match part[0] {
        "term" => term(&terms[0]),
        "phrase" if terms.len() == 1 => term(&terms[0]),
        "phrase" => Box::new(PhraseQuery::new(terms.clone())),
        "and" => all(Occur::Must),
        "or" => all(Occur::Should),
        other => return Err(format!("unknown kind {other}").into()),
    };
    if part[3] != "-" {
        let filter = TermQuery::new(Term::from_field_text(share, part[3]), IndexRecordOption::Basic);
        query = Box::new(BooleanQuery::new(vec![
            (Occur::Must, query),
            (Occur::Must, Box::new(ConstScoreQuery::new(Box::new(filter), 0.0))),
        ]));
    }
    Ok(Question { query, k: part[1].parse()?, count: part[2] == "1" })
}

fn pass(searcher: &Searcher, questions: &[Question], out: &mut impl Write) -> Result<(), Failure> {
    for q in questions {
        let start = Instant::now();
        if q.k == 0 {
            searcher.search(&q.query, &Count)?;
        } else if q.count {
            searcher.search(&q.query, &(TopDocs::with_limit(q.k).order_by_score(), Count))?;
        } else {
            searcher.search(&q.query, &TopDocs::with_limit(q.k).order_by_score())?;
        }
        write!(out, "{} ", start.elapsed().as_nanos())?;
    }
    writeln!(out)?;
    Ok(())
}

fn check(searcher: &Searcher, questions: &[Question], out: &mut impl Write) -> Result<(), Failure> {
    for q in questions {
        if q.count || q.k == 0 {
            write!(out, "{}", searcher.search(&q.query, &Count)?)?;
        } else {
            write!(out, "-1")?;
        }
        if q.k > 0 {
            for (score, at) in searcher.search(&q.query, &TopDocs::with_limit(q.k).order_by_score())? {
                let numbers = searcher.segment_reader(at.segment_ord).fast_fields().u64("number")?;
                let number = numbers.first(at.doc_id).ok_or("document without a number")?;
                write!(out, " {number}:{score}")?;
            }
        }
        writeln!(out)?;
    }
    writeln!(out, "end")?;
    Ok(())
}

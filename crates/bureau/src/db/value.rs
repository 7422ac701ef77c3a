//! Values of the four kinds that tables have, and rows of them.

use std::sync::Arc;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::{Error, Result};

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number; yes and no are 1 and 0.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A value that is handed to a statement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given<'a> {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl Given<'_> {
    /// A value of its own.
    pub fn kept(&self) -> Value {
        match self {
            Given::Null => Value::Null,
            Given::Integer(number) => Value::Integer(*number),
            Given::Text(text) => Value::Text((*text).to_owned()),
            Given::Blob(bytes) => Value::Blob(bytes.to_vec()),
        }
    }
}

impl ToSql for Given<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Given::Null => ValueRef::Null,
            Given::Integer(number) => ValueRef::Integer(*number),
            Given::Text(text) => ValueRef::Text(text.as_bytes()),
            Given::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// What can be handed to a statement.
pub trait ToValue {
    /// As a value.
    fn to_value(&self) -> Given<'_>;
}

macro_rules! whole {
    ($($kind:ty),*) => {
        $(
            impl ToValue for $kind {
                fn to_value(&self) -> Given<'_> {
                    Given::Integer(i64::from(*self))
                }
            }
        )*
    };
}
whole!(i64, i32, u32, u16, u8, bool);

impl ToValue for str {
    fn to_value(&self) -> Given<'_> {
        Given::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Given<'_> {
        Given::Text(self)
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Given<'_> {
        Given::Blob(self)
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Given<'_> {
        Given::Blob(self)
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn to_value(&self) -> Given<'_> {
        Given::Blob(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Given<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Given<'_> {
        self.as_ref().map_or(Given::Null, ToValue::to_value)
    }
}

impl ToValue for Value {
    fn to_value(&self) -> Given<'_> {
        match self {
            Value::Null => Given::Null,
            Value::Integer(number) => Given::Integer(*number),
            Value::Text(text) => Given::Text(text),
            Value::Blob(bytes) => Given::Blob(bytes),
        }
    }
}

/// What a statement is given.
pub trait Params {
    /// The values.
    fn given(&self) -> Vec<Given<'_>>;
}

impl Params for [&dyn ToValue; 0] {
    fn given(&self) -> Vec<Given<'_>> {
        Vec::new()
    }
}

impl Params for &[&dyn ToValue] {
    fn given(&self) -> Vec<Given<'_>> {
        self.iter().map(|value| value.to_value()).collect()
    }
}

macro_rules! several {
    ($($count:literal),*) => {
        $(
            impl<T: ToValue> Params for [T; $count] {
                fn given(&self) -> Vec<Given<'_>> {
                    self.iter().map(ToValue::to_value).collect()
                }
            }
        )*
    };
}
several!(1, 2, 3, 4, 5, 6, 7, 8);

/// Values of different kinds for a statement.
#[macro_export]
#[doc(hidden)]
macro_rules! db_params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::db::ToValue),*] as &[&dyn $crate::db::ToValue]
    };
}

/// What can be read from a row.
pub trait FromValue: Sized {
    /// From a value; why not, where it is of another kind.
    fn from_value(value: &Value) -> std::result::Result<Self, String>;
}

fn unfit<T>(value: &Value) -> std::result::Result<T, String> {
    let found = match value {
        Value::Null => "nothing",
        Value::Integer(_) => "a number",
        Value::Text(_) => "a text",
        Value::Blob(_) => "bytes",
    };
    Err(format!("{found} in the place of another kind"))
}

macro_rules! number {
    ($($kind:ty),*) => {
        $(
            impl FromValue for $kind {
                fn from_value(value: &Value) -> std::result::Result<$kind, String> {
                    match value {
                        Value::Integer(number) => <$kind>::try_from(*number).map_err(|error| error.to_string()),
                        other => unfit(other),
                    }
                }
            }
        )*
    };
}
number!(i64, i32, u64, u32, u16, u8, usize);

impl FromValue for bool {
    fn from_value(value: &Value) -> std::result::Result<bool, String> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> std::result::Result<String, String> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            other => unfit(other),
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> std::result::Result<Vec<u8>, String> {
        match value {
            Value::Blob(bytes) => Ok(bytes.clone()),
            other => unfit(other),
        }
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: &Value) -> std::result::Result<[u8; N], String> {
        match value {
            Value::Blob(bytes) => bytes.as_slice().try_into().map_err(|_| format!("{} bytes", bytes.len())),
            other => unfit(other),
        }
    }
}

impl FromValue for Value {
    fn from_value(value: &Value) -> std::result::Result<Value, String> {
        Ok(value.clone())
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> std::result::Result<Option<T>, String> {
        if *value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// Where a value stands in a row.
pub trait Place {
    /// From 0.
    fn place(self) -> usize;
}

impl Place for usize {
    fn place(self) -> usize {
        self
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    names: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    pub(super) fn new(names: &Arc<[String]>, values: Vec<Value>) -> Row {
        Row { names: Arc::clone(names), values }
    }

    /// The value at a place, from 0.
    pub fn get<I: Place, T: FromValue>(&self, at: I) -> Result<T> {
        let column = at.place();
        let value = self.values.get(column).ok_or_else(|| Error::Value { column, reason: "no such column".to_owned() })?;
        T::from_value(value).map_err(|reason| Error::Value { column, reason })
    }

    /// Columns by their names.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.names.iter().map(String::as_str).zip(&self.values)
    }
}

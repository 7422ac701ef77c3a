"""Makes report.xls and report.txt beside it: `python3 make.py`, with xlwt 1.3.0 from PyPI (pip install xlwt==1.3.0).

The figures are those of the test's trading firm (crates/survey/src/exam/tests.rs), as a statistician fills them in by hand: headings in two rows
with merged cells, a code that is a number, a formula (whose value xlwt leaves empty), a date, and a text that two cells share.
"""
import datetime

import xlwt

book = xlwt.Workbook()
note = book.add_sheet("说明")
note.write(0, 0, "手工填报")
sheet = book.add_sheet("财务状况")
sheet.write_merge(0, 0, 0, 5, "批发和零售业财务状况")
sheet.write(1, 0, "单位详细名称：示例")
sheet.write(1, 4, "计量单位：千元")
sheet.write_merge(2, 3, 0, 0, "指标名称")
sheet.write_merge(2, 3, 1, 1, "指标代码")
sheet.write_merge(2, 2, 2, 3, "本月")
sheet.write_merge(2, 2, 4, 5, "1—本月")
for column, text in enumerate(["本年", "上年", "本年", "上年"], 2):
    sheet.write(3, column, text)
rows = [
    ("应收账款", "202", None, 800),
    ("一、营业收入", "301", 460, 1460.25),
    ("减：营业成本", "307", 250, 950),
]
for at, (name, code, month, year) in enumerate(rows, 4):
    sheet.write(at, 0, name)
    sheet.write(at, 1, int(code))
    if month is not None:
        sheet.write(at, 2, month)
    sheet.write(at, 4, year)
sheet.write(7, 0, "毛利")
sheet.write(7, 4, xlwt.Formula("D6-D7"))
sheet.write(8, 0, "填报日期")
sheet.write(8, 1, datetime.date(2025, 3, 5), xlwt.easyxf(num_format_str="yyyy-mm-dd"))
sheet.write(9, 0, "手工填报")
sheet.write(9, 5, True)
book.save("report.xls")

// As much of a document as the page of captions needs, for running its script without a browser.
class Element {
  constructor(tag) { this.tag = tag; this.children = []; this.dataset = {}; this.attributes = {}; }
  append(...more) { this.children.push(...more); }
  replaceChildren(...more) { this.children = more; }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener() {}
}
const elements = {};
var document = {
  createElement: tag => new Element(tag),
  getElementById: id => elements[id] ??= new Element(id),
  addEventListener() {},
};
var window = { scrollTo() {} };
function report() {
  const where = () => elements.where.textContent;
  const found = { first: elements.tiles.children.length, pages: where() };
  elements.next.onclick();
  found.second = where();
  const button = elements.bar.children.find(one => one.textContent.startsWith("no caption"));
  button.onclick();
  found.only = where();
  button.onclick();
  found.without = where();
  button.onclick();
  const search = elements.bar.children.find(one => one.tag === "input");
  search.value = "ABOUT " + tiles[1].i;
  search.oninput();
  found.search = where();
  console.log(JSON.stringify(found));
}
